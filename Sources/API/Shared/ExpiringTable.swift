// What clients make for a while, by id, and when each of it ends: sessions and agreements. Bounded for all
// and for each client; ids that have expired lately are remembered, since they get another answer than ids
// that never existed. A value without lock and clock: whoever holds it says what time it is.

import HTTP
import Sandboxes

/// What a table of this kind holds.
protocol ExpiringEntry: AnyObject, Sendable {
    var id: String { get }
    /// Whose it counts as.
    var client: String { get }
    /// Index in the heap of deadlines.
    var slot: Int { get }
}

/// Why a store of such entries refuses.
enum ExpiringRefusal: Error {
    case absent
    case expired
    case exists
    /// No room before this many seconds, at best.
    case tooMany(retrySeconds: Int)
    /// No room for this client, before this many seconds at best.
    case tooManyOfClient(retrySeconds: Int)
    /// All entries together hold as much as is allowed.
    case full
}

struct ExpiringTable<Entry: ExpiringEntry>: Sendable {
    struct Bounds: Sendable {
        let count: Int
        let perClient: Int
        /// Ids of expired entries.
        let remembered: Int
    }

    private let bounds: Bounds
    private(set) var byID: [String: Entry] = [:]
    private var clients = ClientCounts()
    private var nextSerial: UInt64 = 0
    private var heap = ExpiryHeap()
    /// By slot.
    private var bySlot: [Entry?] = []
    private var freeSlots: [Int] = []
    /// Ids that expired lately, oldest first from `oldest`.
    private var expired: Set<String> = []
    private var expiredRing: [String] = []
    private var oldest = 0

    init(_ bounds: Bounds) { self.bounds = bounds }

    /// Puts an entry in. O(log n).
    ///
    /// - Parameter make: of its serial, which no later one under its id has, and its slot.
    mutating func add(
        _ id: String, client: String, deadline: UInt64, now: UInt64, make: (UInt64, Int) -> Entry
    ) throws(ExpiringRefusal) -> Entry {
        guard byID[id] == nil else { throw .exists }
        let next = heap.first?.deadline ?? now
        let retrySeconds = Int(next > now ? (next - now + 999) / 1_000 : 1)
        guard byID.count < bounds.count else { throw .tooMany(retrySeconds: retrySeconds) }
        guard clients.add(client, most: bounds.perClient) else {
            throw .tooManyOfClient(retrySeconds: retrySeconds)
        }
        let slot = freeSlots.popLast() ?? bySlot.count
        let entry = make(nextSerial, slot)
        nextSerial += 1
        if slot == bySlot.count { bySlot.append(entry) } else { bySlot[slot] = entry }
        byID[id] = entry
        heap.set(slot, deadline: deadline)
        expired.remove(id)
        return entry
    }

    func entry(_ id: String) throws(ExpiringRefusal) -> Entry {
        if let entry = byID[id] { return entry }
        throw expired.contains(id) ? .expired : .absent
    }

    /// Takes note of a new deadline; false for an entry that was taken out. O(log n).
    mutating func renew(_ entry: Entry, deadline: UInt64) -> Bool {
        guard byID[entry.id] === entry else { return false }
        heap.set(entry.slot, deadline: deadline)
        return true
    }

    /// The expired entries, taken out. O(log n) each.
    mutating func takeOutEnded(_ now: UInt64) -> [Entry] {
        var ended: [Entry] = []
        while let first = heap.first, first.deadline <= now {
            guard let entry = bySlot[first.slot] else {
                preconditionFailure("slot \(first.slot) has a deadline and no entry")
            }
            takeOut(entry, isExpired: true)
            ended.append(entry)
        }
        return ended
    }

    /// Takes an entry out; false when somebody else did.
    mutating func remove(_ entry: Entry, isExpired: Bool) -> Bool {
        guard byID[entry.id] === entry else { return false }
        takeOut(entry, isExpired: isExpired)
        return true
    }

    private mutating func takeOut(_ entry: Entry, isExpired: Bool) {
        byID[entry.id] = nil
        clients.remove(entry.client)
        heap.remove(entry.slot)
        bySlot[entry.slot] = nil
        freeSlots.append(entry.slot)
        guard isExpired, expired.insert(entry.id).inserted else { return }
        if expiredRing.count < bounds.remembered {
            expiredRing.append(entry.id)
        } else {
            expired.remove(expiredRing[oldest])
            expiredRing[oldest] = entry.id
            oldest = (oldest + 1) % expiredRing.count
        }
    }
}

extension Array where Element: ExpiringEntry {
    /// In the order of their ids, after `after`, at most `limit`; and whether more follow. O(n).
    func page(after: String?, limit: Int) -> (entries: [Element], more: Bool) {
        let rest = filter { after == nil || $0.id > after! }.sorted { $0.id < $1.id }
        return (Array(rest.prefix(limit)), rest.count > limit)
    }
}
