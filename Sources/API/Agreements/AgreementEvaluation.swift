// How hosts stand to a promise: their facts are made as those of placements, and the core decides. When
// platforms change, the agreements that use them are followed up here, in the order of the changes, by
// whoever changed one: the answer to a PUT comes when every promise that it concerns is evaluated.
//
// No change is missed. A change is in the store of platforms before its users are looked up, and an agreement
// is in the index before its platforms are looked at again; so one of the two sees the other. What is looked
// at is always the store as it is, under the agreement's lock.

import AddressSpaces
import Fleet
import JSON
import LinuxReleases
import Locking
import MSIWindows

extension PlatformEntry {
    var seen: Agreement.Seen { Agreement.Seen(digest: digest, serial: serial) }
}

extension Promise.Breach {
    /// Why the facts of a host cannot be made, by the code of the problem.
    fileprivate init(code: String) {
        self =
            switch code {
            case "unknown-device": .deviceMissing
            case "no-devices": .noDevices
            case "too-many": .tooLarge
            default: .platformMissing
            }
    }
}

extension PlacementRequest.Host {
    /// A host of an agreement, as its request described it.
    fileprivate init?(_ host: Agreement.Host) {
        guard case .platform(let id, let devices) = host.origin else { return nil }
        self.init(
            name: host.name, source: .platform(id: id, devices: devices), aperture: host.aperture,
            iommuRegions: host.iommuRegions, kernel: host.kernel, options: host.options,
            capabilities: host.capabilities)
    }
}

/// A host's facts, and what its kernel is.
struct KnownHost {
    let facts: HostFacts
    fileprivate let pageSize: Granule
    fileprivate let iommufd: IOMMUFDSupport
    let kernel: KernelProfile

    fileprivate var under: Agreement.Host.Kernel { .init(profile: kernel, pageSize: pageSize) }

    init(_ facts: HostFacts, _ conditions: Conditions) {
        self.facts = facts
        pageSize = conditions.pageSize
        kernel = conditions.kernel
        iommufd = IOMMUFDSupport(kernel)
    }
}

/// Standings of hosts to one promise. Hosts of one kind stand alike: each kind is decided once, however many
/// hosts name one large machine.
struct KnownStandings {
    private struct Kind: Hashable {
        /// Kept as long as the standings, so that no other object takes its place.
        fileprivate let facts: HostFacts
        fileprivate let pageSize: Granule
        fileprivate let iommufd: IOMMUFDSupport
        fileprivate let capabilities: Set<HostCapability>

        init(_ host: KnownHost, _ capabilities: Set<HostCapability>) {
            facts = host.facts
            pageSize = host.pageSize
            iommufd = host.iommufd
            self.capabilities = capabilities
        }

        static func == (left: Kind, right: Kind) -> Bool {
            left.facts === right.facts && left.pageSize == right.pageSize
                && left.iommufd == right.iommufd && left.capabilities == right.capabilities
        }

        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(facts)) }
    }

    private var known: [Kind: Standing] = [:]

    mutating func standing(
        of name: String, _ host: KnownHost, _ capabilities: Set<HostCapability>, to promise: Promise
    ) -> Standing {
        let kind = Kind(host, capabilities)
        var standing =
            known[kind]?.of(name)
            ?? promise.standing(
                of: name, kind.facts, capabilities: capabilities, pageSize: kind.pageSize,
                iommufd: kind.iommufd)
        // Kinds are the same under kernels of other names.
        standing.under = host.under
        known[kind] = known[kind] ?? standing
        return standing
    }
}

extension Service {
    /// One host with its facts; nil, with the problem noted, where they cannot be made.
    func facts(
        of host: PlacementRequest.Host, _ stated: StatedConditions, _ promise: Promise,
        _ problems: ProblemList
    ) -> KnownHost? {
        var builder = HostFactsBuilder(
            stated: stated, guestRanges: promise.guest.rangeCount, hosts: 1, kept: platforms.hostFacts)
        let index = builder.index(of: host, platforms, problems)
        guard problems.isEmpty else { return nil }
        return KnownHost(builder.facts[index], builder.stated[index].conditions)
    }

    /// How a host of an agreement stands to its promise now.
    private func standing(
        of host: Agreement.Host, _ stated: StatedConditions, _ promise: Promise,
        _ standings: inout KnownStandings
    ) -> Standing {
        guard let request = PlacementRequest.Host(host) else { return host.standing }
        let problems = ProblemList(limit: 1)
        guard let known = facts(of: request, stated, promise, problems) else {
            let problem = problems.problems.first
            return Standing(
                host.name, Promise.Breach(code: problem?.code ?? ""), because: problem?.detail ?? "")
        }
        return standings.standing(of: host.name, known, host.capabilities, to: promise)
    }

    /// Looks at platforms as they are now, for one agreement that may use them. Under its lock.
    func review(
        _ ids: some Sequence<String>, _ state: inout AgreementEntry.State, of entry: AgreementEntry,
        _ telling: AgreementTelling
    ) {
        guard !state.isGone else { return }
        agreements.index(&state, of: entry)
        let now = telling.now
        let (promise, pool) = (state.agreement.promise, state.agreement.pool)
        var ids = Set(ids)
        if let pool, state.agreement.lacksRoom { ids.formUnion(platforms.members(ofPool: pool).map(\.id)) }
        let sightings = ids.sorted().map { id in
            let platform = platforms.entry(id)
            return Agreement.Sighting(
                id, platform?.seen, isMember: pool != nil && platform?.labels.pool == pool)
        }
        var standings = KnownStandings()
        let before = state.agreement.hosts.count
        var joined = 0
        let evaluated = state.agreement.review(sightings, now: now) { count in
            guard count < Limits.agreementHostsMax, agreements.takeRoom(1) else { return false }
            joined += 1
            return true
        } standing: {
            standing(of: $0, entry.stated, promise, &standings)
        }
        // Each of those that left has counted one, as each that joined.
        let left = before + joined - state.agreement.hosts.count
        agreements.giveBack(left)
        state.weight += joined - left
        agreements.count(evaluations: evaluated)
        agreements.publish(&state, of: entry, telling)
    }

    /// Follows up every change of a platform since the last time.
    func followPlatforms() {
        agreements.following.withLock {
            while true {
                let changes = platforms.takeChanges()
                if changes.isEmpty { return }
                for change in changes { follow(change) }
            }
        }
    }

    private func follow(_ change: PlatformChange) {
        let entries: [PlatformEntry]
        var renaming: (from: PlatformEntry, to: PlatformEntry)?
        switch change {
        case .changed(let old, let new): entries = [old, new].compactMap { $0 }
        case .renamed(let old, let new):
            entries = [old, new]
            renaming = (old, new)
        }
        let ids = Set(entries.map(\.id)).sorted()
        let pools = Set(entries.compactMap(\.labels.pool)).sorted()
        let users = agreements.index.withLock { $0.users(of: ids, pools) }
        if let ledger {
            ledger.review(users, ids, renaming, self)
            return
        }
        let telling = AgreementTelling.atOnce(agreements.now())
        for entry in users {
            entry.state.withLock { review(ids, renaming, &$0, of: entry, telling) }
        }
    }

    /// Platforms have changed. Under the agreement's lock.
    func review(
        _ ids: [String], _ renaming: (from: PlatformEntry, to: PlatformEntry)?,
        _ state: inout AgreementEntry.State, of entry: AgreementEntry, _ telling: AgreementTelling
    ) {
        if let (from, to) = renaming {
            state.agreement.follow(from.id, serial: from.serial, to: to.id)
        }
        review(ids, &state, of: entry, telling)
    }
}
