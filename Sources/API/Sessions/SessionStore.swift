// Every session by id, and when each ends. The store's lock is held to find an entry, to add one and to take
// one out; a session's own lock for one verb on it. Whoever holds a session's lock never asks for the
// store's.

import HTTP
import IOVAAllocation
import LinuxReleases
import Locking
import Sandboxes

/// A session with its lock and its log.
final class SessionEntry: Sendable {
    let id: String
    /// Distinguishes this session from one that is made later under its id.
    let serial: UInt64
    /// The token that made it, by its name.
    let owner: String?
    /// Whose it counts as.
    let client: String
    /// Index in the heap of deadlines.
    let slot: Int
    let state: Locked<State>
    let channel: EventChannel<SessionEvent>

    struct State {
        var session: Session
        /// Deleted or expired: a caller that found the entry before is too late.
        var isGone = false
        /// What the store's total counts for the session.
        var weight = 0
    }

    init(
        _ session: Session, owner: String?, client: String, serial: UInt64, slot: Int, hub: EventHub
    ) {
        id = session.id
        self.owner = owner
        self.client = client
        self.serial = serial
        self.slot = slot
        channel = EventChannel(hub: hub, eventsMax: Limits.eventRingMax, lastID: session.revision)
        state = Locked(State(session: session, weight: session.weight))
    }

    /// What the keys of requests about the session end with.
    var life: KeyLife.Session { KeyLife.Session(id: id, serial: serial) }
}

/// All sessions.
final class SessionStore: Sendable {
    private struct Table {
        var byID: [String: SessionEntry] = [:]
        var clients = ClientCounts()
        var nextSerial: UInt64 = 0
        var heap = ExpiryHeap()
        /// By slot.
        var bySlot: [SessionEntry?] = []
        var freeSlots: [Int] = []
        /// Ids that expired lately, oldest first from `oldest`.
        var expired: Set<String> = []
        var expiredRing: [String] = []
        var oldest = 0
    }

    enum Refusal: Error {
        case absent
        case expired
        case exists
        /// No room before this many seconds, at best.
        case tooMany(retrySeconds: Int)
        /// No room for this client, before this many seconds at best.
        case tooManyOfClient(retrySeconds: Int)
        /// All sessions together hold as much as is allowed.
        case full
    }

    private let table = Locked(Table())
    /// Weights of all sessions.
    private let total = Locked(0)
    private let hub: EventHub
    /// Milliseconds since 1970 in UTC; never goes back.
    let now: @Sendable () -> UInt64

    init(hub: EventHub, now: @escaping @Sendable () -> UInt64) {
        self.hub = hub
        self.now = now
    }

    var count: Int { table.withLock { $0.byID.count } }
    var totalWeight: Int { total.withLock { $0 } }

    /// Puts a session in. O(log n).
    func add(_ session: Session, owner: String? = nil, client: String) throws(Refusal) -> SessionEntry {
        expire()
        let now = now()
        let weight = session.weight
        let entry = try table.withLock { table throws(Refusal) -> SessionEntry in
            guard table.byID[session.id] == nil else { throw .exists }
            let next = table.heap.first?.deadline ?? now
            let retrySeconds = Int(next > now ? (next - now + 999) / 1_000 : 1)
            guard table.byID.count < Limits.sessionsMax else { throw .tooMany(retrySeconds: retrySeconds) }
            guard table.clients.add(client, most: Limits.sessionsPerClientMax) else {
                throw .tooManyOfClient(retrySeconds: retrySeconds)
            }
            let slot = table.freeSlots.popLast() ?? table.bySlot.count
            let entry = SessionEntry(
                session, owner: owner, client: client, serial: table.nextSerial, slot: slot, hub: hub)
            table.nextSerial += 1
            if slot == table.bySlot.count { table.bySlot.append(entry) } else { table.bySlot[slot] = entry }
            table.byID[session.id] = entry
            table.heap.set(slot, deadline: session.expiresAt)
            table.expired.remove(session.id)
            return entry
        }
        let isFull = total.withLock { total in
            total += weight
            return total > Limits.sessionItemsTotalMax
        }
        if isFull, weight > 0 {
            remove(entry, isExpired: false, reason: "session_deleted")
            throw .full
        }
        return entry
    }

    /// The entry of an id, unless it has ended: one critical section, in which expired ones are
    /// taken out first.
    func entry(_ id: String) throws(Refusal) -> SessionEntry {
        let now = now()
        let (found, refusal, ended) = table.withLock { table -> (SessionEntry?, Refusal, [SessionEntry]) in
            let ended = Self.takeOutEnded(now, &table)
            let found = table.byID[id]
            return (found, found == nil && table.expired.contains(id) ? .expired : .absent, ended)
        }
        for entry in ended { buryExpired(entry) }
        guard let found else { throw refusal }
        return found
    }

    /// Takes note of a new deadline. O(log n).
    func renewed(_ entry: SessionEntry, expiresAt: UInt64) {
        table.withLock { table in
            if table.byID[entry.id] === entry { table.heap.set(entry.slot, deadline: expiresAt) }
        }
    }

    /// Entries in the order of their ids, after `after`, at most `limit`; and whether more follow. O(n).
    func page(after: String?, limit: Int) -> (entries: [SessionEntry], more: Bool) {
        expire()
        let all = table.withLock { Array($0.byID.values) }
        let rest = all.filter { after == nil || $0.id > after! }.sorted { $0.id < $1.id }
        return (Array(rest.prefix(limit)), rest.count > limit)
    }

    /// Counts what a verb added or gave back.
    func count(_ difference: Int) { if difference != 0 { total.withLock { $0 += difference } } }

    var hasRoom: Bool { total.withLock { $0 < Limits.sessionItemsTotalMax } }

    /// Takes a session out; false when somebody else did.
    @discardableResult
    func remove(_ entry: SessionEntry, isExpired: Bool, reason: String) -> Bool {
        let isMine = table.withLock { table in
            guard table.byID[entry.id] === entry else { return false }
            Self.takeOut(entry, isExpired, &table)
            return true
        }
        if isMine { bury(entry, isExpired: isExpired, reason: reason) }
        return isMine
    }

    /// Ends the expired sessions. O(log n) each.
    func expire() {
        let now = now()
        let ended = table.withLock { Self.takeOutEnded(now, &$0) }
        for entry in ended { buryExpired(entry) }
    }

    /// The expired sessions, taken out; the caller has still to end them, without the store's lock.
    private static func takeOutEnded(_ now: UInt64, _ table: inout Table) -> [SessionEntry] {
        var ended: [SessionEntry] = []
        while let first = table.heap.first, first.deadline <= now {
            guard let entry = table.bySlot[first.slot] else {
                preconditionFailure("slot \(first.slot) has a deadline and no session")
            }
            Self.takeOut(entry, true, &table)
            ended.append(entry)
        }
        return ended
    }

    private func buryExpired(_ entry: SessionEntry) {
        bury(entry, isExpired: true, reason: "session_expired")
    }

    private static func takeOut(_ entry: SessionEntry, _ isExpired: Bool, _ table: inout Table) {
        table.byID[entry.id] = nil
        table.clients.remove(entry.client)
        table.heap.remove(entry.slot)
        table.bySlot[entry.slot] = nil
        table.freeSlots.append(entry.slot)
        guard isExpired, table.expired.insert(entry.id).inserted else { return }
        if table.expiredRing.count < Limits.expiredSessionsRememberedMax {
            table.expiredRing.append(entry.id)
        } else {
            table.expired.remove(table.expiredRing[table.oldest])
            table.expiredRing[table.oldest] = entry.id
            table.oldest = (table.oldest + 1) % table.expiredRing.count
        }
    }

    /// Ends the event streams of the session, and frees its memory.
    private func bury(_ entry: SessionEntry, isExpired: Bool, reason: String) {
        let weight = entry.state.withLock { state in
            state.isGone = true
            if isExpired { entry.channel.publish(.expired, id: state.session.revision + 1) }
            state.session.domains.removeAll()
            defer { state.weight = 0 }
            return state.weight
        }
        count(-weight)
        entry.channel.finish(reason: reason)
    }
}
