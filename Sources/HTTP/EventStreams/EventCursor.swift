// A reader's place in a ring, and what it missed. A value: the tests of gaps need neither thread nor socket.

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
            // A reader with an id above all knows another life of this log and goes on with what comes.
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
/// `through` is the smaller one, the reader has ids of another life of this log.
public struct EventGap: Hashable, Sendable {
    public let after: UInt64
    public let through: UInt64
}
