// What a survey keeps of its hosts: how each policy fares, who is in conflict, and what constants fail. All
// of it can be added to that of other hosts.

import AddressSpaces
public import MSIWindows

package struct SurveyCount: Sendable {
    package private(set) var tallies: [Survey.PolicyTally]
    package private(set) var conflicts = FirstOf<Survey.Conflict>(Survey.conflictsMax, keepsEqual: true)
    package private(set) var sweep = ConstantSweep()

    init(_ policies: [SurveyPolicy]) {
        tallies = policies.map { Survey.PolicyTally(policy: $0) }
    }

    /// As it was written down.
    package init(tallies: [Survey.PolicyTally], conflicts: [Survey.Conflict], sweep: ConstantSweep) {
        self.tallies = tallies
        self.sweep = sweep
        for conflict in conflicts { self.conflicts.add(conflict) }
    }

    /// All conflicts, those of the list too.
    package var conflictCount: Int { tallies.reduce(0) { $0 + $1.conflicts } }

    mutating func add(_ host: HostTally) {
        for (index, policy) in host.policies.enumerated() { tallies[index].add(policy, of: host.host) }
        for conflict in host.conflicts { conflicts.add(conflict) }
        for (places, devices) in host.kinds { sweep.add(places, devices: devices) }
        sweep.add(host: host.host, failing: host.failing)
    }

    mutating func merge(_ other: Self) {
        for index in tallies.indices { tallies[index].merge(other.tallies[index]) }
        conflicts.merge(other.conflicts)
        sweep.merge(other.sweep)
    }
}

extension Survey {
    /// How one policy fares.
    public struct PolicyTally: Sendable {
        public let policy: SurveyPolicy
        public private(set) var fits = 0
        /// Devices whose window is withheld, or that get none.
        public private(set) var conflicts = 0
        /// Those of the conflicts that only PCI windows make.
        public private(set) var conditional = 0
        /// Devices whose base is not mainline's.
        public private(set) var moved = 0
        /// Those with at least one conflict, and the first of them.
        public private(set) var hosts = NamedHosts(namesMax: tallyNamesMax)

        init(policy: SurveyPolicy) { self.policy = policy }

        /// As it was written down.
        package init(
            policy: SurveyPolicy, fits: Int, conflicts: Int, conditional: Int, moved: Int, hosts: NamedHosts
        ) {
            self.init(policy: policy)
            (self.fits, self.conflicts, self.conditional, self.moved) = (fits, conflicts, conditional, moved)
            self.hosts = hosts
        }

        mutating func add(_ tally: HostTally.Policy, of host: HostName) {
            fits += tally.fits
            conflicts += tally.conflicts
            conditional += tally.conditional
            moved += tally.moved
            if tally.conflicts > 0 { hosts.add(host) }
        }

        mutating func merge(_ other: Self) {
            fits += other.fits
            conflicts += other.conflicts
            conditional += other.conditional
            moved += other.moved
            hosts.merge(other.hosts)
        }
    }

    /// A device that some policy fails. In order of hosts by name, of each host's devices and of policies.
    public struct Conflict: Comparable, Sendable {
        let host: HostName
        /// Which of the host's rows it is, from 0.
        package let row: Int
        /// Which of the policies.
        package let policyPlace: Int
        public let device: String
        public let policy: String
        public let base: UInt64?
        public let reachability: Reachability
        public let reasons: [String]

        public var platform: String { host.text }

        init(
            host: HostName, row: Int, policyPlace: Int, device: String, policy: String, base: UInt64?,
            reachability: Reachability, reasons: [String]
        ) {
            (self.host, self.row, self.policyPlace, self.device) = (host, row, policyPlace, device)
            (self.policy, self.base, self.reachability, self.reasons) = (policy, base, reachability, reasons)
        }

        /// As it was written down.
        package init(
            platform: String, row: Int, policyPlace: Int, device: String, policy: String, base: UInt64?,
            reachability: Reachability, reasons: [String]
        ) {
            self.init(
                host: HostName(platform), row: row, policyPlace: policyPlace, device: device, policy: policy,
                base: base, reachability: reachability, reasons: reasons)
        }

        /// Two hosts may have one name, so that everything counts.
        public static func < (one: Self, other: Self) -> Bool {
            if one.host != other.host { return one.host < other.host }
            if one.row != other.row { return one.row < other.row }
            if one.policyPlace != other.policyPlace { return one.policyPlace < other.policyPlace }
            if one.device != other.device { return HostName(one.device) < HostName(other.device) }
            if one.base != other.base {
                return (one.base ?? 0, one.base == nil ? 0 : 1) < (other.base ?? 0, other.base == nil ? 0 : 1)
            }
            if one.reachability != other.reachability { return one.reachability < other.reachability }
            return one.reasons.lexicographicallyPrecedes(other.reasons)
        }

        public static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }
    }
}
