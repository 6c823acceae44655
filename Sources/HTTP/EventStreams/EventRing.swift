// The newest events of one log, oldest first, addressed by a running number that no two events share, and a
// reader's place among them. A full ring drops its oldest events, those of one id together; a reader learns
// what it missed. Values without locks and clocks: the tests of gaps need neither thread nor socket.

import AddressSpaces

/// A bounded log. Nothing is allocated before the first event. What adds events is inlinable, so that it is
/// made for each kind of payload: by way of its metadata an event cost 2,900 instructions.
@usableFromInline
struct EventRing<Payload: Sendable>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline let id: UInt64
        @usableFromInline let payload: Payload
        /// Whether more events of the same id follow this one. Last, where it fits into the payload's
        /// padding.
        @usableFromInline let isContinued: Bool

        @inlinable
        init(id: UInt64, isContinued: Bool, payload: Payload) {
            self.id = id
            self.payload = payload
            self.isContinued = isContinued
        }
    }

    @usableFromInline let capacity: Int
    /// Grows up to `capacity`, then is a circle that begins at `head`.
    @usableFromInline var entries: [Entry] = []
    @usableFromInline var head = 0
    @usableFromInline var count = 0
    /// The number of the oldest event that is kept.
    @usableFromInline var firstNumber: UInt64 = 0
    /// The id of the newest event ever added.
    @usableFromInline var lastID: UInt64
    /// The id of the newest event that has fallen out, or was never here.
    @usableFromInline var lostID: UInt64

    init(capacity: Int, lastID: UInt64) {
        precondition(capacity > 0, "an event ring of \(capacity) events")
        self.capacity = capacity
        self.lastID = lastID
        lostID = lastID
    }

    /// The number that the next event will get.
    @inlinable
    var nextNumber: UInt64 { firstNumber + UInt64(count) }

    /// Adds the events of an id, which is above all earlier ones. More events than the ring's capacity are
    /// lost at once.
    @inlinable
    mutating func append(_ payloads: [Payload], id: UInt64) {
        precondition(id > lastID, "event id \(id) is not above \(lastID)")
        lastID = id
        guard payloads.count <= capacity else {
            (lostID, firstNumber, count) = (id, nextNumber + UInt64(payloads.count), 0)
            return
        }
        while count + payloads.count > capacity { dropOldestID() }
        for (index, payload) in payloads.enumerated() {
            let entry = Entry(id: id, isContinued: index + 1 < payloads.count, payload: payload)
            let slot = (head + count) % capacity
            if slot == entries.count { grow(by: entry) } else { entries[slot] = entry }
            count += 1
        }
    }

    /// The events up to this id are not here, and will not come.
    mutating func lose(through id: UInt64) {
        guard id > lastID else { return }
        (lastID, lostID, firstNumber, count) = (id, id, nextNumber + 1, 0)
    }

    /// By a quarter instead of doubling: of ten thousand logs most are short.
    @inlinable
    mutating func grow(by entry: Entry) {
        if entries.count == entries.capacity {
            entries.reserveCapacity(min(capacity, entries.count + entries.count / 4 + 4))
        }
        entries.append(entry)
    }

    @inlinable
    mutating func dropOldestID() {
        var isContinued = true
        while isContinued {
            let entry = self[firstNumber]
            (lostID, isContinued) = (entry.id, entry.isContinued)
            head = (head + 1) % capacity
            firstNumber += 1
            count -= 1
        }
    }

    /// The event of a number that is kept.
    @inlinable
    subscript(number: UInt64) -> Entry {
        precondition(
            number >= firstNumber && number < nextNumber, "event \(number) of \(firstNumber)..<\(nextNumber)")
        return entries[(head + Int(number - firstNumber)) % capacity]
    }

    /// The number of the first event that is kept and whose id is above `id`. O(log n).
    func firstNumber(after id: UInt64) -> UInt64 {
        let numbers = firstNumber..<nextNumber
        let index = numbers.partitioningIndex { self[$0].id > id }
        return index < numbers.endIndex ? numbers[index] : nextNumber
    }
}

/// Where a reader begins.
public enum EventStart: Hashable, Sendable {
    /// With the next event.
    case live
    /// With the first event whose id is above this one, as `Last-Event-ID` asks.
    case after(UInt64)
}

struct EventCursor: Sendable {
    /// What comes next for a reader.
    enum Step<Payload: Sendable>: Sendable {
        case events([EventRing<Payload>.Entry])
        case gap(EventGap)
        case nothing
    }

    /// The id of the last event that was read or reported as missed.
    private(set) var lastID: UInt64
    private var number: UInt64
    /// The place that the reader asked for is not in the ring.
    private var hasMissedStart = false

    init<Payload>(_ start: EventStart, in ring: EventRing<Payload>) {
        switch start {
        case .live:
            (lastID, number) = (ring.lastID, ring.nextNumber)
        case .after(let id):
            (lastID, number) = (id, ring.firstNumber(after: id))
            hasMissedStart = id < ring.lostID || id > ring.lastID
        }
    }

    /// Takes up to `max` events.
    mutating func advance<Payload>(in ring: EventRing<Payload>, max: Int) -> Step<Payload> {
        if hasMissedStart || number < ring.firstNumber {
            hasMissedStart = false
            // A reader with an id above all has read an earlier life of this log; it continues with the
            // next event.
            let isFromElsewhere = lastID > ring.lastID
            let gap = EventGap(after: lastID, through: isFromElsewhere ? ring.lastID : ring.lostID)
            number = isFromElsewhere ? ring.nextNumber : ring.firstNumber
            lastID = gap.through
            return .gap(gap)
        }
        guard number < ring.nextNumber else { return .nothing }
        let end = number + min(UInt64(max), ring.nextNumber - number)
        let entries = (number..<end).map { ring[$0] }
        number = end
        if let whole = entries.last(where: { !$0.isContinued }) { lastID = whole.id }
        return .events(entries)
    }
}

/// Events that a reader will not see: those with an id above `after`, up to and with `through`. When
/// `through` is the smaller one, the reader has ids of an earlier life of this log.
public struct EventGap: Hashable, Sendable {
    public let after: UInt64
    public let through: UInt64
}
