// A survey as members of an answer, and a row as one line. Field names and their order are the contract's.

import AddressSpaces
package import Fleet
package import JSON
import LinuxReleases
import MSIWindows
import Machines

extension JSONWriter {
    /// A survey's summary: everything but the rows.
    ///
    /// - Parameter source: name and version of what was surveyed.
    package mutating func summary(
        of survey: Survey, _ constants: SurveyConstants, source: String? = nil, engine: String
    ) {
        object { writer in
            writer.surveyMembers(survey, constants)
            if let source { writer.member("source", source) }
            writer.surveyedHosts(survey, engine: engine)
        }
    }

    private mutating func surveyMembers(_ survey: Survey, _ constants: SurveyConstants) {
        member("kind", "survey")
        member("platforms", survey.platformCount)
        member("platforms_with_devices", survey.platformsWithDevices)
        member("devices", survey.deviceCount)
        member("active_only", survey.isActiveOnly)
        countMembers(survey, constants)
        if let other = survey.ifReported {
            object("if_iommu_reports_msi") { writer in
                writer.iommuRegions(other.regions)
                writer.countMembers(other.survey, other.survey.constants())
            }
        }
        if !survey.worstHosts.isEmpty {
            array("worst_hosts") { writer in survey.worstHosts.forEach { writer.worstHosts($0) } }
        }
        if !survey.warnings.isEmpty {
            array("warnings") { writer in survey.warnings.forEach { writer.warning($0) } }
        }
        array("soft_hazards") { writer in
            for hazard in survey.hazards {
                writer.object { writer in
                    writer.member("base", hex: hazard.base)
                    writer.member("ram", hazard.ram)
                    writer.member("mmio", hazard.mmio)
                }
            }
        }
    }

    /// How policies and constants fare.
    private mutating func countMembers(_ survey: Survey, _ constants: SurveyConstants) {
        array("policies") { writer in survey.tallies.forEach { writer.tally($0) } }
        array("conflicts") { writer in survey.conflicts.forEach { writer.conflict($0) } }
        member("conflicts_dropped", survey.conflictsDropped)
        object("constants") { $0.constantsMembers(constants) }
    }

    private mutating func tally(_ tally: Survey.PolicyTally) {
        object { writer in
            writer.member("policy", tally.policy.name)
            if case .constant(let base) = tally.policy { writer.member("base", hex: base) }
            writer.member("fits", tally.fits)
            writer.member("conflicts", tally.conflicts)
            writer.member("conditional", tally.conditional)
            writer.member("not_at_default", tally.moved)
            writer.member("platforms_with_conflicts", tally.hosts.count)
            writer.member("conflicting_platforms", strings: tally.hosts.names)
        }
    }

    mutating func worstHosts(_ kind: WorstHosts) {
        object { writer in
            writer.member("digest", hex: kind.digest)
            writer.member("hosts", kind.hosts)
            writer.member("platform", kind.host)
            writer.member("devices", kind.devices)
            writer.member("conflicts", kind.conflicts)
        }
    }

    private mutating func conflict(_ conflict: Survey.Conflict) {
        object { writer in
            writer.member("platform", conflict.platform)
            writer.member("device", conflict.device)
            writer.member("policy", conflict.policy)
            writer.member("base", orNullHex: conflict.base)
            writer.reachability(conflict.reachability)
            writer.member("reasons", strings: conflict.reasons)
        }
    }

    private mutating func constantsMembers(_ constants: SurveyConstants) {
        ranges("fit_every_device", constants.universal)
        member("groups", constants.groupCount)
        array("best") { writer in
            for group in constants.groups.prefix(16) {
                writer.object { writer in
                    writer.groupMembers(group, constants)
                    writer.member("failing_platforms", group.failingHosts.count)
                    writer.member("failing_platform_names", strings: group.failingHosts.names)
                }
            }
        }
        array("best_pairs") { writer in constants.pairs.forEach { writer.pair($0, constants) } }
        if let step = constants.pairStep { member("pair_bases_multiple_of", hex: step) }
        key("partner_of_default")
        if let pair = constants.partnerOfDefault { self.pair(pair, constants) } else { null() }
    }

    private mutating func groupMembers(_ group: ConstantGroup, _ constants: SurveyConstants) {
        member("unfit_devices", group.unfit)
        member("bases", group.count)
        ranges("ranges", group.ranges)
        // What of it is also free in the guests of all usual VMMs.
        ranges(
            "free_in_guests",
            Candidates(
                in: IOVASet(group.ranges).intersection(constants.guestFree), WindowDemand(is32BitOnly: true)
            ).ranges)
    }

    private mutating func pair(_ pair: ConstantPair, _ constants: SurveyConstants) {
        object { writer in
            writer.member("unfit_devices", pair.unfit)
            writer.object("first") { $0.groupMembers(pair.first, constants) }
            writer.object("second") { $0.groupMembers(pair.second, constants) }
        }
    }

    /// One device under all policies.
    package mutating func surveyRow(_ row: SurveyRow, _ policies: [SurveyPolicy]) {
        object { writer in
            writer.member("kind", "device")
            writer.member("platform", row.platform)
            writer.member("device", row.device)
            writer.member("device_kind", row.kind.rawValue)
            writer.member("active", row.isActive)
            writer.cells(row.cells, policies)
            for other in row.ifReported {
                writer.object("if_iommu_reports_msi") { writer in
                    writer.iommuRegions(other.regions)
                    writer.cells(other.cells, policies)
                }
            }
        }
    }

    private mutating func cells(_ cells: [SurveyRow.Cell], _ policies: [SurveyPolicy]) {
        object("policies") { writer in
            for (policy, cell) in zip(policies, cells) {
                writer.key(text: policy.name)
                writer.object { writer in
                    writer.member("base", orNullHex: cell.base)
                    writer.member("fits", cell.fits)
                    writer.reachability(cell.reachability)
                    if !cell.reasons.isEmpty { writer.member("reasons", strings: cell.reasons) }
                }
            }
        }
    }
}
