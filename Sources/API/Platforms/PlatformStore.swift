// The platforms that the server knows: built-in ones and those that whoever runs it offers, which clients
// cannot change, and uploaded ones, which are bounded in number and in bytes. Entries are immutable values,
// so readers leave the lock with a reference. Labels go with the id, also to what replaces the platform.
// Requests look platforms up here, with one sentence for an id that is not known.

import AddressSpaces
import HTTP
import JSON
import LinuxReleases
import Locking
import MSIWindows
import Machines

/// All platforms by id. Every method is one critical section.
final class PlatformStore: Sendable {
    private struct State {
        var entries: [String: PlatformEntry] = [:]
        var offered = 0
        var uploaded = 0
        var uploadedBytes = 0
        /// Of the uploaded ones.
        var clients = ClientCounts()
        /// Ids of entries that end by themselves.
        var ending: Set<String> = []
        /// What happened since somebody took note of it last.
        var changes: [PlatformChange] = []
    }

    /// How far a change goes.
    enum Keeping {
        /// Only what the id is refused for.
        case checksID
        /// All that it is refused for.
        case checks
        case keeps
    }

    /// What a conditional request demands of the current entry.
    enum Refusal: Error {
        case exists
        /// Not a client's to change.
        case kept(PlatformOrigin)
        case absent
        case conditionFailed(current: String?)
        /// Another token's.
        case owned(by: String)
        case full
        /// One client has as many as it may.
        case clientFull
    }

    /// Milliseconds since 1970 in UTC; never goes back.
    let now: @Sendable () -> UInt64
    private let state = Locked(State())
    private let preparedDevices = PreparedDevices()
    /// Facts of platforms as hosts of placements.
    let hostFacts = KeptHostFacts()
    /// Ids of platforms that are offered, whether or not there are any now: a client that took one while it
    /// is free would be read as what it is not.
    private let reserved: Set<String>

    init(
        builtIn: [PlatformEntry], reserved: Set<String> = [],
        now: @escaping @Sendable () -> UInt64 = { 0 }
    ) {
        self.reserved = reserved
        self.now = now
        state.withLock { state in
            for entry in builtIn { state.entries[entry.id] = entry }
        }
    }

    /// The entry of an id, unless its time is over.
    func entry(_ id: String) -> PlatformEntry? {
        guard let entry = state.withLock({ $0.entries[id] }) else { return nil }
        if let end = entry.expiresAt, end <= now() { return nil }
        return entry
    }

    /// Removes those whose time is over. O(those that end by themselves).
    func expire() {
        let now = now()
        let gone = state.withLock { state in
            state.ending.compactMap { state.entries[$0] }.filter { $0.expiresAt.map { $0 <= now } ?? false }
                .map { entry in
                    Self.takeOut(entry, from: &state)
                    state.changes.append(.changed(entry, nil))
                    return entry
                }
        }
        for entry in gone { forget(entry) }
    }

    /// Of an uploaded entry.
    private static func takeOut(_ entry: PlatformEntry, from state: inout State) {
        state.entries[entry.id] = nil
        state.ending.remove(entry.id)
        state.clients.remove(entry.client)
        state.uploaded -= 1
        state.uploadedBytes -= entry.costBytes
    }

    /// The device of this id (see `PlatformEntry.device`), ready to be read under the conditions.
    ///
    /// - Parameters:
    ///   - share: of what its group reserves.
    ///   - adoptsDriver: false where the caller has said which driver it is.
    ///   - extras: what the answer has use for.
    func prepared(
        _ id: String, on entry: PlatformEntry, _ share: GroupShare, under conditions: Conditions,
        adoptsDriver: Bool = true, including extras: PreparedDevice.Extras = []
    ) -> PreparedDevice? {
        preparedDevices.device(
            .id(id), of: entry, share, under: conditions, adoptsDriver: adoptsDriver, including: extras
        ) { entry.device(id) }
    }

    /// A device that was taken from the entry's platform.
    func prepared(
        _ device: Device, on entry: PlatformEntry, _ share: GroupShare, under conditions: Conditions,
        adoptsDriver: Bool = true
    ) -> PreparedDevice {
        let made = preparedDevices.device(
            .exact(device.id, device.kind), of: entry, share, under: conditions,
            adoptsDriver: adoptsDriver, including: []
        ) { device }
        return made
            ?? entry.platform.prepared(
                device.with(share), under: conditions, adoptsDriver: adoptsDriver)
    }

    /// The device whose reservations a DMA domain of this device has, as far as that is settled: the first of
    /// its group, or, where drivers that bind settle it, the device itself.
    func domainOwner(_ device: Device, on entry: PlatformEntry, _ kernel: KernelProfile) -> Device {
        guard !kernel.ordersGroupsByBinding || entry.platform.findsDevicesInBusOrder else { return device }
        return entry.platform.group(of: device)?.first ?? device
    }

    /// Devices that are kept prepared, and the sum of their ranges.
    var preparedSize: (devices: Int, ranges: Int) { preparedDevices.size }

    /// Number of platforms by origin.
    var counts: (builtIn: Int, offered: Int, uploaded: Int) {
        state.withLock { ($0.entries.count - $0.uploaded - $0.offered, $0.offered, $0.uploaded) }
    }

    /// What uploaded platforms take, by the service's own estimate.
    var uploadedBytes: Int { state.withLock { $0.uploadedBytes } }

    /// Has these in place of all that are not built in, for whoever runs requests again.
    func replaceAll(with entries: [PlatformEntry]) {
        state.withLock { state in
            state.entries = state.entries.filter { $0.value.origin == .builtIn }
            for entry in entries { state.entries[entry.id] = entry }
            state.changes = []
        }
    }

    /// Takes over what is stored under an id: this, or nothing.
    ///
    /// - Parameter renamed: the id that it had before, which nothing is stored under any more.
    func adopt(_ id: String, _ entry: PlatformEntry?, renamed: String? = nil) {
        let gone = state.withLock { state -> [PlatformEntry] in
            let old = state.entries[id].flatMap { $0.origin == .uploaded ? $0 : nil }
            let before = renamed.flatMap { state.entries[$0] }.flatMap { $0.origin == .uploaded ? $0 : nil }
            for entry in [old, before].compactMap({ $0 }) { Self.takeOut(entry, from: &state) }
            if let entry {
                state.entries[id] = entry
                if entry.expiresAt != nil { state.ending.insert(id) }
                // It was let in when it was stored.
                _ = state.clients.add(entry.client, most: .max)
                state.uploaded += 1
                state.uploadedBytes += entry.costBytes
            }
            if let before, let entry {
                state.changes.append(.renamed(before, entry))
            } else {
                state.changes.append(.changed(old, entry))
            }
            return [old, before].compactMap { $0 }.filter { $0.serial != entry?.serial }
        }
        for old in gone { forget(old) }
    }

    /// Adds a platform that no client can change and that counts against no limit, or replaces one that was
    /// offered before; false where the id is another's.
    func offer(_ entry: PlatformEntry) -> Bool {
        let (isTaken, old) = state.withLock { state -> (Bool, PlatformEntry?) in
            let old = state.entries[entry.id]
            if let old, old.origin != .offered { return (false, nil) }
            state.entries[entry.id] = entry
            if old == nil { state.offered += 1 }
            state.changes.append(.changed(old, entry))
            return (true, old)
        }
        forget(old)
        return isTaken
    }

    /// Removes a platform that was offered, if there is one.
    func withdraw(_ id: String) {
        let old = state.withLock { state -> PlatformEntry? in
            guard state.entries[id]?.origin == .offered else { return nil }
            state.offered -= 1
            let old = state.entries.removeValue(forKey: id)
            state.changes.append(.changed(old, nil))
            return old
        }
        forget(old)
    }

    /// Drops what was made of an entry that is no longer here.
    private func forget(_ entry: PlatformEntry?) {
        guard let entry else { return }
        preparedDevices.forget(entry.serial)
        hostFacts.forget(entry.serial)
    }

    /// Entries in the order of their ids, after `after`, at most `limit`, of those with a label where one is
    /// asked for; and whether more follow.
    func page(
        after: String?, limit: Int, with label: PlatformLabels.Query? = nil
    ) -> (entries: [PlatformEntry], more: Bool) {
        expire()
        let all = state.withLock { Array($0.entries.values) }
        let rest = all.filter { (after == nil || $0.id > after!) && label?.fits($0.labels) != false }
            .sorted { $0.id < $1.id }
        return (Array(rest.prefix(limit)), rest.count > limit)
    }

    /// The platforms of a pool, by id.
    func members(ofPool pool: String) -> [PlatformEntry] {
        page(after: nil, limit: .max, with: .init(name: PlatformLabels.poolName, value: pool)).entries
    }

    /// What happened since this was called last, in order.
    func takeChanges() -> [PlatformChange] {
        state.withLock { state in
            defer { state.changes = [] }
            return state.changes
        }
    }

    /// Adds an entry under an id that must be free.
    ///
    func add(_ entry: PlatformEntry, _ keeping: Keeping = .keeps) throws(Refusal) {
        expire()
        try state.withLock { state throws(Refusal) in
            let old = state.entries[entry.id]
            try checkOwner(of: entry.id, old)
            guard old == nil else { throw .exists }
            guard keeping != .checksID else { return }
            try Self.insert(entry, into: &state, replacing: nil, keeping)
            if keeping == .keeps { state.changes.append(.changed(nil, entry)) }
        }
    }

    /// Adds or replaces; the entry has the labels of the one that it replaces.
    func put(
        _ entry: PlatformEntry, if condition: EntityCondition, by caller: Caller = .anybody,
        _ keeping: Keeping = .keeps
    ) throws(Refusal) -> (entry: PlatformEntry, isNew: Bool) {
        expire()
        let (old, made) = try state.withLock { state throws(Refusal) -> (PlatformEntry?, PlatformEntry) in
            let old = state.entries[entry.id]
            // Whose it is before what it is: a tag is not told to strangers.
            try checkOwner(of: entry.id, old)
            try Self.check(caller, against: old)
            try Self.check(condition, against: old)
            let made = old.map { $0.labels.isEmpty ? entry : entry.labelled($0.labels) } ?? entry
            guard keeping != .checksID else { return (old, made) }
            try Self.insert(made, into: &state, replacing: old, keeping)
            if keeping == .keeps { state.changes.append(.changed(old, made)) }
            return (old, made)
        }
        if keeping == .keeps { forget(old) }
        return (made, old == nil)
    }

    /// Gives the entry of `id` these labels in place of those that it has.
    func label(
        _ id: String, _ labels: PlatformLabels, if condition: EntityCondition, by caller: Caller = .anybody,
        _ keeping: Keeping = .keeps
    ) throws(Refusal) -> PlatformEntry {
        expire()
        return try state.withLock { state throws(Refusal) in
            let old = try Self.changeable(id, if: condition, by: caller, in: state)
            let made = old.labelled(labels)
            guard keeping == .keeps else { return made }
            state.entries[id] = made
            state.changes.append(.changed(old, made))
            return made
        }
    }

    /// No client uploads under an id that is not a client's, whether or not there is anything under it now.
    private func checkOwner(of id: String, _ entry: PlatformEntry?) throws(Refusal) {
        if let entry, entry.origin != .uploaded { throw .kept(entry.origin) }
        if reserved.contains(id) { throw .kept(.offered) }
    }

    func remove(
        _ id: String, if condition: EntityCondition, by caller: Caller = .anybody,
        _ keeping: Keeping = .keeps
    ) throws(Refusal) {
        expire()
        let old = try state.withLock { state throws(Refusal) -> PlatformEntry? in
            let old = try Self.changeable(id, if: condition, by: caller, in: state)
            guard keeping == .keeps else { return nil }
            Self.takeOut(old, from: &state)
            state.changes.append(.changed(old, nil))
            return old
        }
        forget(old)
    }

    /// Puts the entry of `id` under another id, which must be free; under its own it stays.
    func rename(
        _ id: String, to next: String, if condition: EntityCondition, by caller: Caller = .anybody,
        _ keeping: Keeping = .keeps
    ) throws(RenameRefusal) -> PlatformEntry {
        expire()
        let (old, made) = try state.withLock { state throws(RenameRefusal) in
            let old: PlatformEntry
            do throws(Refusal) { old = try Self.changeable(id, if: condition, by: caller, in: state) } catch {
                throw .of(error)
            }
            guard next != id else { return (PlatformEntry?.none, old) }
            let made = old.renamed(next)
            do throws(Refusal) {
                try checkOwner(of: next, state.entries[next])
                guard state.entries[next] == nil else { throw .exists }
            } catch {
                throw .to(error)
            }
            guard keeping == .keeps else { return (PlatformEntry?.none, made) }
            Self.takeOut(old, from: &state)
            do throws(Refusal) {
                try Self.insert(made, into: &state, replacing: nil, keeping)
            } catch {
                throw .to(error)
            }
            state.changes.append(.renamed(old, made))
            return (old, made)
        }
        forget(old)
        return made
    }

    /// The entry of an id that the caller may change.
    private static func changeable(
        _ id: String, if condition: EntityCondition, by caller: Caller, in state: State
    ) throws(Refusal) -> PlatformEntry {
        guard let entry = state.entries[id] else { throw .absent }
        if entry.origin != .uploaded { throw .kept(entry.origin) }
        try check(caller, against: entry)
        try check(condition, against: entry)
        return entry
    }

    private static func check(_ caller: Caller, against entry: PlatformEntry?) throws(Refusal) {
        if let owner = entry?.owner, !caller.mayChange(owner) { throw .owned(by: owner) }
    }

    private static func check(
        _ condition: EntityCondition, against entry: PlatformEntry?
    ) throws(Refusal) {
        guard condition.holds(of: entry?.etag) else { throw .conditionFailed(current: entry?.etag) }
    }

    private static func insert(
        _ entry: PlatformEntry, into state: inout State, replacing old: PlatformEntry?, _ keeping: Keeping
    ) throws(Refusal) {
        let count = state.uploaded + (old == nil ? 1 : 0)
        let bytes = state.uploadedBytes - (old?.costBytes ?? 0) + entry.costBytes
        guard count <= Limits.platformsUploadedMax, bytes <= Limits.platformBytesTotalMax else { throw .full }
        if old?.client != entry.client {
            guard state.clients.add(entry.client, most: Limits.platformsPerClientMax) else {
                throw .clientFull
            }
            if keeping != .keeps {
                state.clients.remove(entry.client)
            } else if let old {
                state.clients.remove(old.client)
            }
        }
        guard keeping == .keeps else { return }
        state.entries[entry.id] = entry
        if entry.expiresAt == nil { state.ending.remove(entry.id) } else { state.ending.insert(entry.id) }
        state.uploaded = count
        state.uploadedBytes = bytes
    }
}
