// Which kernel does what since when: the one table of releases and behaviours. To add a release, add its case
// and the changes that came with it here. Where a change is only known from history, or only the first
// release that was seen with it, the table says so.

/// The changes of one behaviour, oldest first.
public struct KernelChange: Sendable {
    /// The first version with the value.
    public let since: KernelVersion
    /// An index into `Behaviour.values`.
    let value: Int
    public let evidence: KernelEvidence
    /// The change came with `since` or some time before it: `since` is the first release that was seen with
    /// it.
    public let isFirstSeen: Bool

    init(_ major: Int, _ minor: Int, _ evidence: KernelEvidence, isFirstSeen: Bool = false, value: Int = 1) {
        since = KernelVersion(major, minor)
        self.value = value
        self.evidence = evidence
        self.isFirstSeen = isFirstSeen
    }
}

extension Behaviour {
    /// When the kernel changed it. Before the first change the first of `values` holds.
    public var changes: [KernelChange] {
        switch self {
        case .iortRMR: [KernelChange(6, 0, .source)]
        case .dtIOMMUAddresses: [KernelChange(6, 3, .history)]
        case .untranslatableIOMMUAddresses:
            // Before 6.3 nobody reads the entry.
            [KernelChange(6, 3, .history), KernelChange(6, 18, .boot, isFirstSeen: true, value: 2)]
        case .secondSearchPass: [KernelChange(6, 1, .source, isFirstSeen: true)]
        case .startsAtInboundWindow: [KernelChange(6, 10, .history)]
        case .magazineSize: [KernelChange(6, 1, .source, isFirstSeen: true)]
        case .depot: [KernelChange(6, 7, .history)]
        case .forcedac: [KernelChange(6, 1, .source, isFirstSeen: true)]
        case .remembersFailureBelow4G: [KernelChange(6, 4, .history)]
        case .groupOrder: [KernelChange(6, 18, .boot, isFirstSeen: true)]
        case .notViableGroup: [KernelChange(6, 1, .boot, isFirstSeen: true)]
        case .refusesBlockingDirect: [KernelChange(6, 6, .history)]
        case .isolationPerGroup: [KernelChange(6, 3, .source)]
        case .noCookieRefused: [KernelChange(6, 15, .boot)]
        case .iommufd: [KernelChange(6, 2, .history)]
        case .iommufdOwnMSIMap: [KernelChange(6, 15, .boot)]
        case .iommufdNoIOMMU: [KernelChange(7, 3, .source)]
        case .mapOverflowErrno: [KernelChange(6, 18, .boot, isFirstSeen: true)]
        }
    }

    /// What it is from a change on.
    public func value(of change: KernelChange) -> Value { values[change.value] }

    /// The index of its value in a version.
    func value(in version: KernelVersion) -> Int {
        changes.last { $0.since <= version }?.value ?? 0
    }

    /// The same in a version that was not read, for which an older one answers: a change whose release is
    /// known has come with it, whoever built the kernel.
    func value(in version: KernelVersion, after read: KernelVersion) -> Int {
        changes.last { $0.since <= ($0.isFirstSeen ? read : max(read, version)) }?.value ?? 0
    }
}

extension KernelRelease {
    /// What the release does; as the release that stands for it where it was not read. O(1).
    var behaviours: Behaviours { Self.table[place] }

    /// Worked out once: every answer asks.
    private static let table = allCases.map { release in
        let version = release.modelledAs.version
        var behaviours = Behaviours()
        for behaviour in Behaviour.allCases { behaviours[behaviour] = behaviour.value(in: version) }
        return behaviours
    }

    /// What a version does that this release stands for.
    func behaviours(in version: KernelVersion) -> Behaviours {
        let read = modelledAs.version
        guard version > read else { return behaviours }
        var behaviours = Behaviours()
        for behaviour in Behaviour.allCases {
            behaviours[behaviour] = behaviour.value(in: version, after: read)
        }
        return behaviours
    }

    /// Its place among all cases.
    private var place: Int {
        switch self {
        case .v5_10: 0
        case .v5_15: 1
        case .v6_1: 2
        case .v6_6: 3
        case .v6_8: 4
        case .v6_12: 5
        case .v6_18: 6
        case .v7_2: 7
        case .v7_3: 8
        }
    }
}
