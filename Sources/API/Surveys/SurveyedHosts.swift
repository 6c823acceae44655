// What the hosts of a survey said of themselves where its request says nothing: which facts count for which
// machine, and whose kernel the survey's model names. The service's surveys and the command's keep it.

package import Fleet
package import JSON
import LinuxReleases
package import MSIWindows
package import Machines

/// Hosts with facts that count, of the first machines, and the latest kernel of all.
package struct SurveyedHosts: Sendable {
    private var told: [(host: String, facts: [HostFact])] = []
    fileprivate private(set) var kernel: KernelProfile?

    package init() {}

    /// Conditions for a machine: those given, with what its host says beside them.
    package mutating func conditions(
        of name: String, _ host: RunningHost?, beside conditions: Conditions
    ) -> Conditions {
        let stated = StatedConditions(conditions).adopting(host)
        add(name, stated)
        return stated.conditions
    }

    mutating func add(_ name: String, _ stated: StatedConditions) {
        kernel = KernelProfile.latest(of: [kernel, stated.conditions.kernel].compactMap { $0 })
        let facts = stated.hostFacts.filter { $0.concerns(nil) }
        if !facts.isEmpty, told.count < Limits.surveyRowsMax { told.append((name, facts)) }
    }

    /// Each host with its facts, for people.
    package var words: [[String]] {
        told.map { host, facts in
            [host, facts.map { "\($0.name.rawValue) \($0.value)" }.joined(separator: ", ")]
        }
    }

    fileprivate func write(_ writer: inout JSONWriter) {
        guard !told.isEmpty else { return }
        writer.array("hosts") { writer in
            for (host, facts) in told {
                writer.object { writer in
                    writer.member("host", host)
                    writer.hostFacts(facts)
                }
            }
        }
    }
}

extension JSONWriter {
    /// The last members of a survey: hosts' facts, and the kernel and version.
    package mutating func surveyedHosts(_ hosts: SurveyedHosts, _ survey: Survey, engine: String) {
        hosts.write(&self)
        model(hosts.kernel ?? survey.conditions.kernel, engine: engine)
    }
}
