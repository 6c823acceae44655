// What the hosts of a survey said of themselves where its question says nothing: which facts count for which
// machine, and whose kernel the survey's model names. The service's surveys and the command's keep it.

package import Fleet
import JSON
package import LinuxReleases
package import MSIWindows
package import Machines

/// What a machine's host says beside the conditions of a question.
package struct HostStatement: Sendable {
    /// Those of the question, with the host's.
    package var conditions: Conditions
    package let facts: [HostFact]
    package let kernel: KernelProfile

    init(_ stated: StatedConditions) {
        conditions = stated.conditions
        facts = stated.hostFacts
        kernel = stated.conditions.kernel
    }

    package init(of host: RunningHost?, beside conditions: Conditions) {
        self.init(StatedConditions(conditions).adopting(host))
    }
}

extension Survey {
    package mutating func note(_ statement: HostStatement, of host: String) {
        note(host: host, statement.facts, statement.kernel)
    }

    /// Each host with its facts, for people.
    package var words: [[String]] {
        facts.told.elements.map { host in
            [host.host, host.facts.map { "\($0.name.rawValue) \($0.value)" }.joined(separator: ", ")]
        }
    }
}

extension JSONWriter {
    /// The last members of a survey: hosts' facts, and the kernel and version.
    mutating func surveyedHosts(_ survey: Survey, engine: String) {
        let told = survey.facts.told.elements
        if !told.isEmpty {
            array("hosts") { writer in
                for host in told {
                    writer.object { writer in
                        writer.member("host", host.host)
                        writer.hostFacts(host.facts)
                    }
                }
            }
        }
        model(survey.facts.kernel ?? survey.conditions.kernel, engine: engine)
    }
}
