// GET /v1/kernels: the modelled releases with their behaviours and sources, and for each behaviour when the
// kernel changed it, how that is known, and a question whose answer shows it.

import HTTP
import JSON
import LinuxReleases

extension Route {
    static let kernels: [Route] = [.get("listKernels", "/v1/kernels", Service.listKernels)]
}

extension Service {
    func listKernels(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.array("items") { writer in KernelRelease.allCases.forEach { writer.release($0) } }
            writer.array("behaviours") { writer in Behaviour.allCases.forEach { writer.behaviour($0) } }
            writer.member("default", KernelRelease.newest.rawValue)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func release(_ release: KernelRelease) {
        let profile = KernelProfile(release)
        object { writer in
            writer.member("kernel", release.rawValue)
            writer.member("evidence", release.evidence.rawValue)
            writer.member("sources", strings: release.sources)
            writer.member("modelled_as", release.modelledAs.rawValue)
            if let remark = profile.remark { writer.member("remark", remark) }
            writer.object("behaviours") { writer in
                for behaviour in Behaviour.allCases { writer.member(behaviour, profile.value(of: behaviour)) }
            }
        }
    }

    fileprivate mutating func behaviour(_ behaviour: Behaviour) {
        object { writer in
            writer.member("behaviour", behaviour.rawValue)
            writer.member("sentence", behaviour.sentence)
            writer.member("question", behaviour.question)
            writer.array("changes") { writer in
                for change in behaviour.changes {
                    writer.object { writer in
                        writer.member("since", change.since.text)
                        writer.object("values") { $0.member(behaviour, behaviour.value(of: change)) }
                        writer.member("evidence", change.evidence.rawValue)
                        writer.member("first_seen", change.isFirstSeen)
                    }
                }
            }
        }
    }
}
