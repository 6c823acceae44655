// The survey: every device of a set of machines under every policy, and which constants would have served
// them all. It is a sum: a machine is looked at by itself, and what was found is added, so that surveys of
// parts of a fleet can be merged to that of the whole, whatever the parts and their order. What is kept does
// not grow with the machines.

public import AddressSpaces
package import LinuxReleases
public import MSIWindows
public import Machines

/// A survey that is being taken.
public struct Survey: Sendable {
    public let policies: [SurveyPolicy]
    public let demand: WindowDemand
    public let conditions: Conditions
    /// Whether masters behind disabled SMMUs are left out.
    public let isActiveOnly: Bool

    public private(set) var platformCount = 0
    /// Platforms with at least one surveyed device.
    public private(set) var platformsWithDevices = 0
    public private(set) var deviceCount = 0
    public private(set) var hazards: [SoftHazard]
    public private(set) var facts = SurveyedFacts()
    private var worst = WorstHostList()
    package private(set) var count: SurveyCount
    /// The same with what virtio-iommus may report; nil where nothing depends on that.
    package private(set) var reported: Reported?

    public var tallies: [PolicyTally] { count.tallies }
    /// The first `conflictsMax`.
    public var conflicts: [Conflict] { count.conflicts.elements }
    /// Conflicts beyond them.
    public var conflictsDropped: Int { count.conflictCount - conflicts.count }
    /// What to know of hosts; of the first only.
    public var warnings: [Placement.Warning] { facts.warnings.elements.map(\.warning) }
    /// Kinds of hosts with the most conflicts, the first `worstHostsMax`.
    public var worstHosts: [WorstHosts] { worst.kinds }
    var sweep: ConstantSweep { count.sweep }

    /// Conflicts of constants and of the posted series that one survey lists, and hosts with their facts.
    public static let conflictsMax = 1_000
    /// Kinds of hosts with conflicts that one survey lists.
    public static let worstHostsMax = 64
    /// Hosts in conflict that are named for a policy.
    public static let tallyNamesMax = 64
    /// Inputs that cannot be read that one survey names.
    public static let unreadMax = 256
    /// What counts add up to at most: the largest number that every reader of JSON holds exactly.
    package static let countMax = (1 << 53) - 1

    /// Windows of 1 MiB at multiples of it, below 4 GiB, are what constants are.
    public init(
        policies: [SurveyPolicy] = SurveyPolicy.standard, conditions: Conditions = Conditions(),
        isActiveOnly: Bool = true
    ) {
        self.policies = policies
        self.conditions = conditions
        self.isActiveOnly = isActiveOnly
        demand = WindowDemand(is32BitOnly: true)
        count = SurveyCount(policies)
        hazards = policies.compactMap { policy in
            if case .constant(let base) = policy { SoftHazard(base: base) } else { nil }
        }
    }

    /// The counts of a survey as they were written down.
    package struct Counts {
        package var platforms = 0
        package var platformsWithDevices = 0
        package var devices = 0
        package var hazards: [SoftHazard] = []
        package var facts = SurveyedFacts()
        package var worst: [WorstHosts] = []
        package var count: SurveyCount
        package var reported: Reported?

        package init(count: SurveyCount) { self.count = count }
    }

    /// This survey's question with the counts of a part of it.
    package func counting(_ counts: Counts) -> Survey {
        var survey = self
        survey.platformCount = counts.platforms
        survey.platformsWithDevices = counts.platformsWithDevices
        survey.deviceCount = counts.devices
        survey.hazards = counts.hazards
        survey.facts = counts.facts
        for kind in counts.worst { survey.worst.add(kind) }
        survey.count = counts.count
        survey.reported = counts.reported
        return survey
    }

    /// Adds what another survey of the same question counted, of other machines.
    ///
    /// - Returns: false, and no change, where counts would pass `countMax`.
    package mutating func merge(_ other: Survey) -> Bool {
        let sums = [
            platformCount + other.platformCount,
            (deviceCount + other.deviceCount).multipliedReportingOverflow(by: policies.count).partialValue,
            facts.unread.count + other.facts.unread.count,
        ]
        guard sums.allSatisfy({ (0...Self.countMax).contains($0) }) else { return false }
        switch (reported, other.reported) {
        case (nil, nil): break
        case (let mine, let theirs):
            var both = mine ?? Reported(count: count)
            both.merge(theirs ?? Reported(count: other.count))
            reported = both
        }
        platformCount += other.platformCount
        platformsWithDevices += other.platformsWithDevices
        deviceCount += other.deviceCount
        for index in hazards.indices { hazards[index].merge(other.hazards[index]) }
        facts.merge(other.facts)
        for kind in other.worst.kinds { worst.add(kind) }
        count.merge(other.count)
        return true
    }

    /// An input that no machine could be read from.
    package mutating func note(unread line: String) { facts.note(unread: line) }

    /// What a host said of itself where the question says nothing.
    package mutating func note(host: String, _ told: [HostFact], _ kernel: KernelProfile) {
        facts.note(host: host, told, kernel)
    }

    /// The count of the rows if virtio-iommus report MSI regions.
    package struct Reported: Sendable {
        package private(set) var regions = FirstOf<ReportedRegion>(Survey.regionsMax)
        package fileprivate(set) var count: SurveyCount

        fileprivate init(count: SurveyCount) { self.count = count }

        /// As it was written down.
        package init(regions: [ReservedRegion], count: SurveyCount) {
            self.count = count
            note(regions)
        }

        /// Each once.
        fileprivate mutating func note(_ more: [ReservedRegion]) {
            for region in more { regions.add(ReportedRegion(region: region)) }
        }

        fileprivate mutating func merge(_ other: Self) {
            regions.merge(other.regions)
            count.merge(other.count)
        }
    }

    /// Regions that virtio-iommus may report that one survey lists.
    package static let regionsMax = 64

    /// The survey if virtio-iommus report MSI regions, and these; nil where nothing depends on it.
    public var ifReported: (regions: [ReservedRegion], survey: Survey)? {
        guard let reported else { return nil }
        var other = self
        other.count = reported.count
        other.reported = nil
        return (reported.regions.elements.map(\.region), other)
    }
}

extension Survey {
    /// Adds a machine; `row` receives every row in order.
    ///
    /// - Parameters:
    ///   - own: of this machine, where they are others than the survey's.
    ///   - aperture: what this machine's SMMUs translate; nil for the survey's own.
    ///   - prepare: prepares a device of the machine, or finds it where somebody keeps it.
    public mutating func add(
        _ name: String, _ platform: Platform, under own: Conditions? = nil, aperture: IOVARange? = nil,
        prepare: ((Device, Conditions) -> PreparedDevice)? = nil, row: (SurveyRow) -> Void = { _ in }
    ) {
        var host = HostCounter(name, policies)
        let remarks = look(at: platform, under: own, aperture: aperture, prepare: prepare) { found in
            host.add(found)
            report(found, of: name, row)
        }
        add(host, remarks, of: name)
    }

    /// Adds a host by one device that stands for what it reports.
    public mutating func add(
        host name: String, _ device: Device, usable: UsableRanges?, under own: Conditions? = nil,
        aperture: IOVARange? = nil, row: (SurveyRow) -> Void = { _ in }
    ) {
        var host = HostCounter(name, policies)
        let remarks = look(at: device, usable: usable, under: own, aperture: aperture) { found in
            host.add(found)
            report(found, of: name, row)
        }
        add(host, remarks, of: name)
    }

    /// What is found on a machine, whatever it is called; it can be added for each machine that is the same.
    public func findings(on platform: Platform, under own: Conditions? = nil) -> HostFindings {
        var rows: [FoundRow] = []
        let remarks = look(at: platform, under: own, aperture: nil, prepare: nil) { rows.append($0) }
        return HostFindings(rows: rows, remarks: remarks)
    }

    /// Adds a machine by what was found on it or on one that is the same.
    public mutating func add(
        _ name: String, _ findings: HostFindings, row: (SurveyRow) -> Void = { _ in }
    ) {
        var host = HostCounter(name, policies)
        for found in findings.rows {
            host.add(found)
            report(found, of: name, row)
        }
        add(host, findings.remarks, of: name)
    }

    private func report(_ found: FoundRow, of host: String, _ report: (SurveyRow) -> Void) {
        var row = found.row
        row.platform = host
        report(row)
    }

    private mutating func add(_ host: HostCounter, _ remarks: HostRemarks, of name: String) {
        platformCount += 1
        if remarks.hasDevices { platformsWithDevices += 1 }
        deviceCount += host.tally.deviceCount
        for warning in remarks.warnings { facts.warn(warning.of(name)) }
        for (index, hazard) in remarks.hazards.enumerated() { hazards[index].add(hazard) }
        if host.tally.conflictCount > 0 {
            worst.add(
                WorstHosts(
                    conflicts: host.tally.conflictCount, digest: host.digest.value,
                    devices: host.tally.deviceCount, hosts: 1, host: name))
        }
        // Until now both were one.
        if host.ifReported != nil, reported == nil { reported = Reported(count: count) }
        reported?.count.add(host.ifReported ?? host.tally)
        reported?.note(host.regions)
        count.add(host.tally)
    }
}

/// A region that a virtio-iommu may report, in order.
package struct ReportedRegion: Comparable, Sendable {
    package let region: ReservedRegion

    package static func < (one: Self, other: Self) -> Bool {
        let (a, b) = (one.region, other.region)
        if a.start != b.start { return a.start < b.start }
        if a.length != b.length { return a.length < b.length }
        if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
        return HostName(a.provenanceText) < HostName(b.provenanceText)
    }

    package static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }
}

/// What lies at one constant's number on the machines of a survey.
public struct SoftHazard: Sendable {
    public let base: UInt64
    /// Platforms with RAM there.
    public private(set) var ram = 0
    /// Platforms with a device there: PCI windows, SMMUs, doorbells.
    public private(set) var mmio = 0

    package init(base: UInt64, ram: Int = 0, mmio: Int = 0) {
        (self.base, self.ram, self.mmio) = (base, ram, mmio)
    }

    mutating func add(_ found: HostRemarks.Hazard) {
        if found.hasRAM { ram += 1 }
        if found.hasMMIO { mmio += 1 }
    }

    mutating func merge(_ other: Self) {
        ram += other.ram
        mmio += other.mmio
    }
}
