// PATCH /v1/platforms/{platform}: another id for an uploaded platform. What was read stays as it is, so that
// the files need not be sent again.

import HTTP
import JSON
import Machines

/// The body of PATCH /v1/platforms/{platform}.
struct PlatformPatch: Sendable {
    /// The id that it gets.
    private(set) var id: WireID?

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        id = reader.required("id").flatMap { WireID($0, problems) }
        reader.finish()
    }
}

extension Service {
    func patchPlatform(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let patch = PlatformPatch(document.root, problems)
        guard problems.isEmpty, let next = patch.id?.text else { throw .semantic(problems) }
        let id = context.variable("platform")
        let (made, _) = try change(context, next, .keeps, from: id) { keeping throws(Problem) in
            do throws(PlatformStore.RenameRefusal) {
                let entry = try platforms.rename(
                    id, to: next, if: context.condition, by: context.caller, keeping)
                return (entry, next != id)
            } catch {
                switch error {
                case .of(let refusal): throw problem(refusal, id)
                case .to(let refusal): throw problem(refusal, next)
                }
            }
        }
        guard let entry = made else { preconditionFailure("platform \(id) was renamed to nothing") }
        return json(200, headers: [.init("ETag", entry.etag)]) { $0.platformMembers(entry) }
    }
}

extension PlatformStore {
    /// Why a platform keeps its id: because of itself, or because of the id that it would get.
    enum RenameRefusal: Error {
        case of(Refusal)
        case to(Refusal)
    }
}
