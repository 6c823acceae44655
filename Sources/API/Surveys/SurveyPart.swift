// A survey of a part of a fleet, as JSON that can be merged: what was counted, what the lists of the first
// have, and the question. The last member is a digest of all bytes before it, since parts travel: what was
// cut or changed on the way is refused and not counted.

import AddressSpaces
package import Fleet
import JSON
import LinuxReleases
import MSIWindows
package import Machines

/// Why a part is refused, for the name of the file before it.
package struct SurveyPartFault: Error {
    package let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}

/// What was found on a part of the hosts.
package struct SurveyPart: Sendable {
    static let kind = "survey_part"
    /// Another number for another meaning of the members; readers take only their own.
    static let format = 1
    /// More than the largest part has: 4,095 bases with 16 names each.
    package static let bytesMax = 64 << 20

    package let question: SurveyQuestion
    package private(set) var survey: Survey

    package init(_ question: SurveyQuestion, _ survey: Survey) {
        self.question = question
        self.survey = survey
    }

    /// What a machine's host says beside the question.
    package func statement(of host: RunningHost?) -> HostStatement {
        HostStatement(of: host, beside: survey.conditions)
    }

    /// Adds a machine by what was found on it or on one that is the same.
    package mutating func add(
        _ name: String, _ findings: HostFindings, _ statement: HostStatement, row: (SurveyRow) -> Void
    ) {
        survey.note(statement, of: name)
        survey.add(name, findings, row: row)
    }

    /// An input that no machine could be read from.
    package mutating func note(unread line: String) { survey.note(unread: line) }

    /// Adds the counts of another part.
    package mutating func merge(_ other: SurveyPart) throws(SurveyPartFault) {
        if let difference = question.difference(of: other.question) {
            throw SurveyPartFault("it answers another question than the parts before it: \(difference)")
        }
        guard survey.merge(other.survey) else {
            throw SurveyPartFault("with it, counts pass 2^53, which JSON does not hold exactly")
        }
    }

    /// The bytes of a file, with a newline at the end; equal for equal parts.
    package func bytes(engine: String) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 1 << 16)
        writer.object { writer in
            writer.member("kind", Self.kind)
            writer.member("format", Self.format)
            writer.member("engine", engine)
            writer.object("question") { question.write(&$0) }
            writer.partMembers(survey)
            let digest = writer.bytes.withUnsafeBytes { WordDigest.of($0) }
            writer.member("digest", hex: digest)
        }
        return writer.bytes + [0x0a]
    }
}

extension JSONWriter {
    fileprivate mutating func partMembers(_ survey: Survey) {
        member("platforms", survey.platformCount)
        member("platforms_with_devices", survey.platformsWithDevices)
        member("devices", survey.deviceCount)
        if let kernel = survey.facts.kernel { kernelMembers(kernel) }
        array("warnings") { writer in survey.warnings.forEach { writer.warning($0) } }
        array("hosts") { writer in
            for host in survey.facts.told.elements { writer.told(host) }
        }
        object("unread") { writer in
            writer.member("count", survey.facts.unread.count)
            writer.member("lines", strings: survey.facts.unread.lines)
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
        array("worst_hosts") { writer in survey.worstHosts.forEach { writer.worstHosts($0) } }
        object("count") { $0.members(of: survey.count) }
        if let reported = survey.reported {
            object("if_iommu_reports_msi") { writer in
                writer.iommuRegions(reported.regions.elements.map(\.region))
                writer.object("count") { $0.members(of: reported.count) }
            }
        }
    }

    private mutating func kernelMembers(_ kernel: KernelProfile) {
        object("kernel") { writer in
            writer.member("release", kernel.release.rawValue)
            writer.member("stated", orNull: kernel.stated)
        }
    }

    private mutating func told(_ host: ToldHost) {
        object { writer in
            writer.member("host", host.host)
            writer.array("facts") { writer in
                for fact in host.facts {
                    writer.object { writer in
                        writer.member("name", fact.name.rawValue)
                        writer.member("value", fact.value)
                        if let place = fact.place { writer.member("place", place) }
                    }
                }
            }
        }
    }

    private mutating func members(of count: SurveyCount) {
        array("policies") { writer in
            for tally in count.tallies {
                writer.object { writer in
                    writer.member("fits", tally.fits)
                    writer.member("conflicts", tally.conflicts)
                    writer.member("conditional", tally.conditional)
                    writer.member("not_at_default", tally.moved)
                    writer.members(of: tally.hosts)
                }
            }
        }
        array("conflicts") { writer in
            for conflict in count.conflicts.elements {
                writer.object { writer in
                    writer.member("platform", conflict.platform)
                    writer.member("row", conflict.row)
                    writer.member("device", conflict.device)
                    writer.member("policy", conflict.policyPlace)
                    writer.member("base", orNullHex: conflict.base)
                    writer.member("conditional", conflict.reachability == .conditional)
                    writer.member("reasons", strings: conflict.reasons)
                }
            }
        }
        object("constants") { $0.members(of: count.sweep) }
    }

    private mutating func members(of hosts: NamedHosts) {
        member("platforms", hosts.count)
        member("names", strings: hosts.names)
    }

    private mutating func members(of sweep: ConstantSweep) {
        array("hosts") { writer in
            for (numbers, hosts) in sweep.hostRuns {
                writer.object { writer in
                    writer.member("first", numbers.lowerBound)
                    writer.member("last", numbers.upperBound)
                    writer.members(of: hosts)
                }
            }
        }
        guard let sums = sweep.allSums else {
            return array("kinds") { writer in
                for (places, devices) in sweep.kinds.sorted(by: { $0.key < $1.key }) {
                    writer.object { writer in
                        writer.member("devices", devices)
                        writer.array("places") { writer in places.bounds.forEach { writer.int(Int($0)) } }
                    }
                }
            }
        }
        array("bases") { writer in
            for number in WindowBases.numbers {
                writer.array { writer in
                    writer.int(sums.unfit[number])
                    writer.hex(sums.marks[number])
                }
            }
        }
        array("pairs") { writer in sums.pairs?.forEach { writer.int($0) } }
    }
}
