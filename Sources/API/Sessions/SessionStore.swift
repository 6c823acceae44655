// Every session by id, and when each ends. The store's lock is held to find an entry, to add one and to take
// one out; a session's own lock for one verb on it. Whoever holds a session's lock may ask for the store's,
// and never the other way round.

import HTTP
import IOVAAllocation
import LinuxReleases
import Locking
import Sandboxes

/// A session with its lock and its log.
final class SessionEntry: ExpiringEntry {
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
    /// Where there is a store: held by the request that has the session to itself until its change is
    /// durable.
    let gate = HeldLock()

    struct State {
        var session: Session
        /// Deleted or expired: a caller that found the entry before is too late.
        var isGone = false
        /// What the store's total counts for the session.
        var weight = 0
        /// How far the copy in memory follows what is stored; nil where nothing is.
        var copy: StoredCopy?
    }

    /// - Parameter lastID: the revision before the first event that its log has.
    init(
        _ session: Session, owner: String?, client: String, serial: UInt64, slot: Int, hub: EventHub,
        lastID: UInt64? = nil
    ) {
        id = session.id
        self.owner = owner
        self.client = client
        self.serial = serial
        self.slot = slot
        channel = EventChannel(hub: hub, eventsMax: Limits.eventRingMax, lastID: lastID ?? session.revision)
        state = Locked(State(session: session, weight: session.weight))
    }

    /// What the keys of requests about the session end with.
    var life: KeyLife.Session { KeyLife.Session(id: id, serial: serial) }
}

/// All sessions.
final class SessionStore: Sendable {
    typealias Refusal = ExpiringRefusal

    private let table = Locked(
        ExpiringTable<SessionEntry>(
            .init(
                count: Limits.sessionsMax, perClient: Limits.sessionsPerClientMax,
                remembered: Limits.expiredSessionsRememberedMax)))
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
    ///
    /// - Parameters:
    ///   - lastID: the revision before the first event that its log has; the session's own where it has none.
    ///   - prepare: called before anybody finds it.
    func add(
        _ session: Session, owner: String? = nil, client: String, lastID: UInt64? = nil,
        prepare: (SessionEntry) -> Void = { _ in }
    ) throws(Refusal) -> SessionEntry {
        expire()
        let now = now()
        let weight = session.weight
        let entry = try table.withLock { table throws(Refusal) -> SessionEntry in
            try table.add(session.id, client: client, deadline: session.expiresAt, now: now) { serial, slot in
                let entry = SessionEntry(
                    session, owner: owner, client: client, serial: serial, slot: slot, hub: hub,
                    lastID: lastID)
                prepare(entry)
                return entry
            }
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
        let (found, ended) = table.withLock { table -> (Result<SessionEntry, Refusal>, [SessionEntry]) in
            let ended = table.takeOutEnded(now)
            return (Result { () throws(Refusal) in try table.entry(id) }, ended)
        }
        for entry in ended { buryExpired(entry) }
        return try found.get()
    }

    /// Takes note of a new deadline; false where the session has ended. Under its lock. O(log n).
    func renewed(_ entry: SessionEntry, expiresAt: UInt64) -> Bool {
        table.withLock { $0.renew(entry, deadline: expiresAt) }
    }

    /// Entries in the order of their ids, after `after`, at most `limit`; and whether more follow. O(n).
    func page(after: String?, limit: Int) -> (entries: [SessionEntry], more: Bool) {
        expire()
        return table.withLock { Array($0.byID.values) }.page(after: after, limit: limit)
    }

    /// Counts what a verb added or gave back.
    func count(_ difference: Int) { if difference != 0 { total.withLock { $0 += difference } } }

    var hasRoom: Bool { total.withLock { $0 < Limits.sessionItemsTotalMax } }

    /// Takes a session out; false when somebody else did.
    @discardableResult
    func remove(_ entry: SessionEntry, isExpired: Bool, reason: String) -> Bool {
        let isMine = table.withLock { $0.remove(entry, isExpired: isExpired) }
        if isMine { bury(entry, isExpired: isExpired, reason: reason) }
        return isMine
    }

    /// Ends the expired sessions. O(log n) each.
    func expire() {
        let now = now()
        let ended = table.withLock { $0.takeOutEnded(now) }
        for entry in ended { buryExpired(entry) }
    }

    private func buryExpired(_ entry: SessionEntry) {
        bury(entry, isExpired: true, reason: "session_expired")
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
