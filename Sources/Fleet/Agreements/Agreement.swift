// One agreement: the promise of its hosts to one VM over the VM's life, with a state, a revision and a log.
// It has no lock, no clock and no platforms: whoever holds it calls one verb at a time, says what time it is,
// and how each host stands.

public import AddressSpaces
public import LinuxReleases
public import Machines

/// The record of one VM's window.
public struct Agreement: Sendable {
    public enum State: String, CaseIterable, Sendable {
        case proposed
        /// The VM runs with it.
        case accepted
        /// The VM has ended: history, of which nothing is evaluated any more.
        case released
    }

    /// A platform as it was when it was looked at last.
    public struct Seen: Hashable, Sendable {
        public let digest: String
        /// Tells it from every other, also from one with the same content.
        public let serial: UInt64

        public init(digest: String, serial: UInt64) {
            self.digest = digest
            self.serial = serial
        }
    }

    public struct Host: Sendable {
        public enum Origin: Sendable {
            /// What the proposal says of it.
            case reported(HostFacts)
            /// nil for all active devices.
            case platform(id: String, devices: [String]?)
        }

        /// What is said of its kernel in place of what is said of all hosts. A class: nearly no host has it,
        /// and thousands are copied.
        public final class Kernel: Hashable, Sendable {
            public let profile: KernelProfile?
            public let pageSize: Granule?

            public init(profile: KernelProfile?, pageSize: Granule?) {
                self.profile = profile
                self.pageSize = pageSize
            }

            public func hash(into hasher: inout Hasher) {
                hasher.combine(profile)
                hasher.combine(pageSize)
            }

            public static func == (left: Kernel, right: Kernel) -> Bool {
                left.profile == right.profile && left.pageSize == right.pageSize
            }
        }

        public let name: String
        public fileprivate(set) var origin: Origin
        public let aperture: IOVARange?
        public let iommuRegions: [ReservedRegion]?
        public let kernel: Kernel?
        public let options: [HostFacts.DeviceOption]
        public let capabilities: Set<HostCapability>
        /// Whether it is here because of its platform's label.
        public let isOfPool: Bool
        /// Itself, and ranges that are kept of its description.
        public let items: Int
        /// nil where there is no platform.
        public internal(set) var seen: Seen?
        public internal(set) var standing: Standing

        public init(
            name: String, origin: Origin, aperture: IOVARange? = nil, iommuRegions: [ReservedRegion]? = nil,
            kernel: Kernel? = nil,
            options: [HostFacts.DeviceOption] = [], capabilities: Set<HostCapability> = [],
            isOfPool: Bool = false, items: Int = 1, seen: Seen? = nil, standing: Standing
        ) {
            self.name = name
            self.origin = origin
            self.aperture = aperture
            self.iommuRegions = iommuRegions
            self.kernel = kernel
            self.options = options
            self.capabilities = capabilities
            self.isOfPool = isOfPool
            self.items = items
            self.seen = seen
            self.standing = standing
        }

        /// The id of its platform; nil where it has none.
        public var platform: String? {
            switch origin {
            case .reported: nil
            case .platform(let id, _): id
            }
        }
    }

    /// That the promise is not kept.
    public struct Broken: Hashable, Sendable {
        /// Milliseconds since 1970 in UTC.
        public let since: UInt64
        /// The first host that does not keep it; nil where there is no host.
        public let host: String?
        /// Of all hosts, the first few.
        public let blockers: [Placement.Blocker]
    }

    public let id: String
    public let promise: Promise
    /// Whose platforms are its hosts, whichever they are at a time.
    public let pool: String?
    /// What every host has, also one that comes later.
    public let capabilities: Set<HostCapability>
    public let createdAt: UInt64
    public private(set) var state = State.proposed
    public internal(set) var hosts: [Host]
    public private(set) var broken: Broken?
    /// Whether the pool has members that could not join: nobody knows whether they would keep the promise.
    public private(set) var lacksRoom = false
    public private(set) var ttlSeconds: Int
    public private(set) var expiresAt: UInt64
    /// Counts changes; every change has at least one event.
    public private(set) var revision: UInt64 = 0
    /// What happened since `takeEvents` was called last.
    private var pending: [AgreementEvent]

    public init(
        id: String, promise: Promise, pool: String?, capabilities: Set<HostCapability> = [],
        hosts: [Host], createdAt: UInt64, ttlSeconds: Int
    ) {
        self.id = id
        self.promise = promise
        self.pool = pool
        self.capabilities = capabilities
        self.hosts = hosts
        self.createdAt = createdAt
        self.ttlSeconds = ttlSeconds
        expiresAt = createdAt + UInt64(ttlSeconds) * 1_000
        pending = [.proposed(window: promise.window, mechanism: promise.mechanism.kind)]
        assess(createdAt)
    }

    /// Ends a verb: what happened becomes one revision.
    public mutating func takeEvents() -> [AgreementEvent] {
        guard !pending.isEmpty else { return [] }
        revision += 1
        defer { pending = [] }
        return pending
    }

    /// What would help the first host that does not keep the promise.
    public var remedies: [Remedy] { breaking?.remedies ?? [] }

    /// Of the first host that does not keep the promise.
    private var breaking: Standing? { hosts.first { !$0.standing.keeps }?.standing }

    /// Platforms of its hosts.
    public var platforms: Set<String> { Set(hosts.compactMap(\.platform)) }

    // MARK: Verbs

    public enum Refusal: Error, Sendable {
        case wrongState(Agreement.State, next: Agreement.State?)
        case broken([Placement.Blocker], [Remedy], Placement.Mechanism?)
        case hostExists(String)
        case hostMissing(String)
        /// It is the only one.
        case lastHost(String)
        /// It is here because of its platform's label.
        case hostOfPool(String, pool: String)
    }

    /// Proposed, accepted, released: in this order.
    public mutating func move(to next: State) throws(Refusal) {
        switch (state, next) {
        case (.proposed, .accepted):
            if let broken { throw .broken(broken.blockers, remedies, breaking?.mechanism) }
            pending.append(.accepted)
        case (.accepted, .released): pending.append(.released)
        case (.proposed, _), (.accepted, _), (.released, _): throw .wrongState(state, next: next)
        }
        state = next
    }

    /// Extends the life: `seconds` from `now`.
    public mutating func renew(seconds: Int, now: UInt64) {
        ttlSeconds = seconds
        expiresAt = now + UInt64(seconds) * 1_000
        pending.append(.renewed(seconds: seconds))
    }

    /// Whether a host of this name can be added.
    public func checkRoom(for name: String) throws(Refusal) {
        guard state != .released else { throw .wrongState(state, next: nil) }
        guard !hosts.contains(where: { $0.name == name }) else { throw .hostExists(name) }
    }

    /// Adds a host that keeps the promise: to a pool without platforms it is one at least.
    public mutating func add(_ host: Host, now: UInt64) throws(Refusal) {
        try checkRoom(for: host.name)
        guard host.standing.keeps else {
            throw .broken(host.standing.blockers, host.standing.remedies, host.standing.mechanism)
        }
        hosts.append(host)
        pending.append(.hostAdded(name: host.name, platform: host.platform, digest: host.seen?.digest))
        assess(now)
    }

    /// Takes a host out, whether it keeps the promise or not.
    ///
    /// - Returns: the host.
    public mutating func remove(_ name: String, now: UInt64) throws(Refusal) -> Host {
        guard state != .released else { throw .wrongState(state, next: nil) }
        guard let place = hosts.firstIndex(where: { $0.name == name }) else { throw .hostMissing(name) }
        if hosts[place].isOfPool, let pool { throw .hostOfPool(name, pool: pool) }
        guard hosts.count > 1 else { throw .lastHost(name) }
        let host = hosts.remove(at: place)
        pending.append(.hostRemoved(name: name))
        assess(now)
        return host
    }

    // MARK: Platforms that change

    /// A platform at present.
    public struct Sighting: Sendable {
        let platform: String
        let seen: Seen?
        let isMember: Bool

        /// - Parameters:
        ///   - seen: nil where the platform is missing.
        ///   - isMember: whether its label makes it one of the pool.
        public init(_ platform: String, _ seen: Seen?, isMember: Bool) {
            self.platform = platform
            self.seen = seen
            self.isMember = isMember
        }
    }

    /// Takes note of what platforms are at present: a host of one is evaluated again where its content has
    /// changed, joins with it, or leaves the pool. Whether the promise is kept is asked once, after all of
    /// them: a pool whose only platform gets another id is at no time empty.
    ///
    /// - Parameters:
    ///   - sightings: where members of the pool had no room, all of its members are among them.
    ///   - hasRoom: whether one more host has room, beside as many as there are; asked before each joins.
    ///   - standing: evaluates a host.
    /// - Returns: how many hosts were evaluated.
    public mutating func review(
        _ sightings: [Sighting], now: UInt64, hasRoom: (Int) -> Bool, standing: (Host) -> Standing
    ) -> Int {
        guard state != .released else { return 0 }
        lacksRoom = false
        let count = sightings.reduce(0) { $0 + note($1, hasRoom, standing) }
        assess(now)
        return count
    }

    private mutating func note(
        _ sighting: Sighting, _ hasRoom: (Int) -> Bool, _ standing: (Host) -> Standing
    ) -> Int {
        let (platform, seen, isMember) = (sighting.platform, sighting.seen, sighting.isMember)
        var count = 0
        var isThere = false
        for place in hosts.indices.reversed() where hosts[place].platform == platform {
            if hosts[place].isOfPool {
                guard isMember else {
                    pending.append(.hostRemoved(name: hosts[place].name))
                    hosts.remove(at: place)
                    continue
                }
                isThere = true
            }
            let before = hosts[place].seen
            guard before != seen else { continue }
            hosts[place].seen = seen
            guard before?.digest != seen?.digest else { continue }
            count += 1
            hosts[place].standing = standing(hosts[place])
            pending.append(
                .hostChanged(name: hosts[place].name, platform: platform, digest: seen?.digest))
        }
        if isMember, !isThere {
            guard hasRoom(hosts.count) else {
                lacksRoom = true
                return count
            }
            count += 1
            var host = Host(
                name: freeName(platform), origin: .platform(id: platform, devices: nil),
                capabilities: capabilities, isOfPool: true, seen: seen, standing: .keeping)
            host.standing = standing(host)
            hosts.append(host)
            pending.append(.hostAdded(name: host.name, platform: platform, digest: seen?.digest))
        }
        return count
    }

    /// Hosts that name a platform follow it to its new id. Those that had already missed it are meant too;
    /// others name what has taken the id since.
    public mutating func follow(_ platform: String, serial: UInt64, to next: String) {
        guard state != .released else { return }
        for place in hosts.indices where hosts[place].platform == platform && !hosts[place].isOfPool {
            guard case .platform(_, let devices) = hosts[place].origin,
                hosts[place].seen.map({ $0.serial == serial }) ?? true
            else { continue }
            hosts[place].origin = .platform(id: next, devices: devices)
            pending.append(
                .hostChanged(
                    name: hosts[place].name, platform: next, digest: hosts[place].seen?.digest))
        }
    }

    /// The name, or one like it that no host has.
    public func freeName(_ name: String) -> String {
        var free = name
        var number = 2
        while hosts.contains(where: { $0.name == free }) {
            free = "\(name)-\(number)"
            number += 1
        }
        return free
    }

    /// Sets or clears `broken` by how the hosts stand.
    private mutating func assess(_ now: UInt64) {
        var first: String?
        var blockers: [Placement.Blocker] = []
        for host in hosts where !host.standing.keeps {
            first = first ?? host.name
            blockers += host.standing.blockers
            if blockers.count >= Standing.blockersMax { break }
        }
        if let pool, hosts.isEmpty || lacksRoom {
            let breach = hosts.isEmpty ? Promise.Breach.poolEmpty : .poolTooLarge
            let why =
                hosts.isEmpty
                ? "No platform has the label of the pool \(pool)."
                : "The pool \(pool) has more platforms than there is room for."
            blockers.append(
                .init(
                    owner: .vm(promise.guest.name), kind: breach.rawValue, range: nil, provenance: why))
        }
        guard !blockers.isEmpty else {
            if broken != nil { pending.append(.holds) }
            broken = nil
            return
        }
        let found = Broken(
            since: broken?.since ?? now, host: first, blockers: Array(blockers.prefix(Standing.blockersMax)))
        if found != broken { pending.append(.broken(found)) }
        broken = found
    }
}

extension Standing {
    /// Until it is known.
    fileprivate static let keeping = Standing(verdict: nil, mechanism: nil, blockers: [], remedies: [])
}
