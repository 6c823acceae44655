// Every agreement by id, when each ends, and which of them a platform concerns. The store's lock is held to
// find an entry, to add one and to take one out; an agreement's own lock for one verb on it. Whoever holds an
// agreement's lock may look a platform up, change the index, and ask for the store's lock. Whoever holds the
// store's lock asks for the lock of no agreement but one that nobody else knows yet.

import Fleet
import HTTP
import LinuxReleases
import Locking
import MSIWindows

/// An agreement with its lock, its log and what its hosts are evaluated with.
final class AgreementEntry: ExpiringEntry {
    let id: String
    /// Distinguishes this agreement from one that is made later under its id.
    let serial: UInt64
    /// The token that made it, by its name.
    let owner: String?
    let client: String
    let slot: Int
    /// What the proposal states of all hosts.
    let stated: StatedConditions
    /// As it was decided when the agreement was proposed.
    let placed: PlacedAnswer
    let state: Locked<State>
    let channel: EventChannel<AgreementEvent>
    /// Where there is a store: held by the request that has the agreement to itself until its change is
    /// durable.
    let gate = HeldLock()

    struct State {
        var agreement: Agreement
        /// Deleted or expired: a caller that found the entry before is too late.
        var isGone = false
        /// What the store's total counts for it.
        var weight: Int
        /// Whether the store counts it as broken.
        var isBroken = false
        /// Platforms under which the index has it.
        var indexed: Set<String> = []
        /// How far the copy in memory follows what is stored; nil where nothing is.
        var copy: StoredCopy?
    }

    /// What an agreement is made of and evaluated with.
    struct Basis {
        let stated: StatedConditions
        let placed: PlacedAnswer
        let weight: Int
        let owner: String?
        let client: String
        /// The revision before the first event that its log has.
        var lastID: UInt64 = 0
    }

    init(_ agreement: Agreement, _ basis: Basis, serial: UInt64, slot: Int, hub: EventHub) {
        id = agreement.id
        stated = basis.stated
        placed = basis.placed
        owner = basis.owner
        client = basis.client
        self.serial = serial
        self.slot = slot
        channel = EventChannel(hub: hub, eventsMax: Limits.agreementEventsMax, lastID: basis.lastID)
        state = Locked(State(agreement: agreement, weight: basis.weight))
    }
}

/// What becomes of the events of an agreement, and what time it is: told at once, or once they are durable.
struct AgreementTelling {
    let now: UInt64
    let tell: (AgreementEntry, inout AgreementEntry.State, [AgreementEvent]) -> Void

    /// At once.
    static func atOnce(_ now: UInt64) -> Self {
        Self(now: now) { entry, state, events in
            entry.channel.publish(events, id: state.agreement.revision)
        }
    }
}

/// Which agreements a platform concerns.
struct AgreementIndex: Sendable {
    typealias Users = [ObjectIdentifier: AgreementEntry]

    private var byPlatform: [String: Users] = [:]
    private var byPool: [String: Users] = [:]

    mutating func add(_ entry: AgreementEntry, _ pool: String?) {
        if let pool { byPool[pool, default: [:]][ObjectIdentifier(entry)] = entry }
    }

    mutating func remove(_ entry: AgreementEntry, _ pool: String?) {
        guard let pool else { return }
        byPool[pool]?[ObjectIdentifier(entry)] = nil
        if byPool[pool]?.isEmpty == true { byPool[pool] = nil }
    }

    /// Moves an entry to other platforms.
    mutating func move(_ entry: AgreementEntry, from old: Set<String>, to new: Set<String>) {
        for platform in old.subtracting(new) {
            byPlatform[platform]?[ObjectIdentifier(entry)] = nil
            if byPlatform[platform]?.isEmpty == true { byPlatform[platform] = nil }
        }
        for platform in new.subtracting(old) {
            byPlatform[platform, default: [:]][ObjectIdentifier(entry)] = entry
        }
    }

    /// Those with a host of one of these platforms, and those of one of these pools.
    func users(of platforms: [String], _ pools: [String]) -> [AgreementEntry] {
        var users: Users = [:]
        for found in platforms.compactMap({ byPlatform[$0] }) + pools.compactMap({ byPool[$0] }) {
            users.merge(found) { first, _ in first }
        }
        return Array(users.values)
    }

    /// Whether nothing is followed.
    var isEmpty: Bool { byPlatform.isEmpty && byPool.isEmpty }
}

/// All agreements.
final class AgreementStore: Sendable {
    typealias Refusal = ExpiringRefusal

    /// Sums over all agreements.
    struct Totals: Sendable {
        /// Hosts, and ranges of guests and of hosts that proposals describe.
        var items = 0
        var broken = 0
        /// Hosts that were evaluated again, since the start.
        var evaluations: UInt64 = 0
    }

    private let table = Locked(
        ExpiringTable<AgreementEntry>(
            .init(
                count: Limits.agreementsMax, perClient: Limits.agreementsPerClientMax,
                remembered: Limits.expiredAgreementsRememberedMax)))
    let index = Locked(AgreementIndex())
    private let sums = Locked(Totals())
    /// Held while platforms' changes are followed, so that they are followed in order.
    let following = Lock()
    private let hub: EventHub
    /// Milliseconds since 1970 in UTC; never goes back.
    let now: @Sendable () -> UInt64

    init(hub: EventHub, now: @escaping @Sendable () -> UInt64) {
        self.hub = hub
        self.now = now
    }

    var count: Int { table.withLock { $0.byID.count } }
    var totals: Totals { sums.withLock { $0 } }

    func count(evaluations: Int) { sums.withLock { $0.evaluations += UInt64(evaluations) } }

    /// Whether so many more items fit; they are counted if they do.
    func takeRoom(_ items: Int) -> Bool {
        sums.withLock { sums in
            guard sums.items + items <= Limits.agreementItemsTotalMax else { return false }
            sums.items += items
            return true
        }
    }

    func giveBack(_ items: Int) { sums.withLock { $0.items -= items } }

    /// Puts an agreement in, with its first event. O(log n).
    ///
    /// - Parameter prepare: called before anybody finds it, with its state.
    func add(
        _ agreement: Agreement, _ basis: AgreementEntry.Basis,
        prepare: (AgreementEntry, inout AgreementEntry.State) -> Void
    ) throws(Refusal) -> AgreementEntry {
        expire()
        let now = now()
        guard takeRoom(basis.weight) else { throw .full }
        do throws(Refusal) {
            return try table.withLock { table throws(Refusal) -> AgreementEntry in
                let entry = try table.add(
                    agreement.id, client: basis.client, deadline: agreement.expiresAt, now: now
                ) {
                    AgreementEntry(agreement, basis, serial: $0, slot: $1, hub: hub)
                }
                entry.state.withLock { state in
                    index.withLock { $0.add(entry, agreement.pool) }
                    prepare(entry, &state)
                }
                return entry
            }
        } catch {
            giveBack(basis.weight)
            throw error
        }
    }

    /// Has the changes of its platforms followed from now on. Under the agreement's lock.
    func index(_ state: inout AgreementEntry.State, of entry: AgreementEntry) {
        let platforms = state.agreement.state == .released ? [] : state.agreement.platforms
        guard platforms != state.indexed else { return }
        index.withLock { $0.move(entry, from: state.indexed, to: platforms) }
        state.indexed = platforms
    }

    /// After a verb, under the agreement's lock: its events, in the order of their effects, and the index.
    func publish(
        _ state: inout AgreementEntry.State, of entry: AgreementEntry, _ telling: AgreementTelling
    ) {
        let events = state.agreement.takeEvents()
        guard !events.isEmpty else { return }
        telling.tell(entry, &state, events)
        settle(&state, of: entry)
    }

    /// What the store of agreements knows of one that has changed. Under its lock.
    func settle(_ state: inout AgreementEntry.State, of entry: AgreementEntry) {
        index(&state, of: entry)
        let isOver = state.agreement.state == .released
        if isOver { index.withLock { $0.remove(entry, state.agreement.pool) } }
        let isBroken = state.agreement.broken != nil && !isOver
        if isBroken != state.isBroken { sums.withLock { $0.broken += isBroken ? 1 : -1 } }
        state.isBroken = isBroken
    }

    /// The entry of an id, unless it has ended.
    func entry(_ id: String) throws(Refusal) -> AgreementEntry {
        expire()
        return try table.withLock { table throws(Refusal) in try table.entry(id) }
    }

    /// Takes note of a new deadline; false where the agreement has ended. Under its lock. O(log n).
    func renewed(_ entry: AgreementEntry, expiresAt: UInt64) -> Bool {
        table.withLock { $0.renew(entry, deadline: expiresAt) }
    }

    /// Every entry.
    var all: [AgreementEntry] {
        expire()
        return table.withLock { Array($0.byID.values) }
    }

    /// Takes an agreement out, under its lock; false when somebody else did. `bury` follows.
    func remove(_ entry: AgreementEntry) -> Bool { table.withLock { $0.remove(entry, isExpired: false) } }

    /// Ends what was removed.
    func bury(removed entry: AgreementEntry) {
        bury(entry, isExpired: false, reason: "agreement_deleted")
    }

    /// Ends the expired agreements. O(log n) each.
    func expire() {
        let now = now()
        let ended = table.withLock { $0.takeOutEnded(now) }
        for entry in ended { bury(entry, isExpired: true, reason: "agreement_expired") }
    }

    /// Ends the event streams of the agreement, and what is counted of it.
    private func bury(_ entry: AgreementEntry, isExpired: Bool, reason: String) {
        entry.state.withLock { state in
            state.isGone = true
            if isExpired { entry.channel.publish(.expired, id: state.agreement.revision + 1) }
            index.withLock { index in
                index.move(entry, from: state.indexed, to: [])
                index.remove(entry, state.agreement.pool)
            }
            sums.withLock { sums in
                sums.items -= state.weight
                if state.isBroken { sums.broken -= 1 }
            }
        }
        entry.channel.finish(reason: reason)
    }
}
