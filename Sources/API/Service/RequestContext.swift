// A request on its way through a handler, with the readers that handlers share.

import AddressSpaces
import HTTP
import JSON

struct RequestContext: Sendable {
    let request: Request
    let plan: Plan

    var head: RequestHead { request.head }
    var requestID: String { plan.requestID }

    /// The value of a path variable of the route.
    func variable(_ name: String) -> String { plan.path[plan.route.place(of: name)] }

    /// `If-None-Match` names this tag (weak comparison, RFC 9110, 13.1.2), so 304 is the answer.
    func alreadyHas(_ etag: String) -> Bool {
        EntityTag.list(head.headers.all("If-None-Match")).contains {
            $0 == "*" || $0 == etag || $0 == "W/\(etag)"
        }
    }

    /// What If-Match and If-None-Match demand of a change.
    var condition: PlatformStore.Condition {
        let match = EntityTag.list(head.headers.all("If-Match"))
        if !match.isEmpty { return .matches(match) }
        return EntityTag.list(head.headers.all("If-None-Match")).contains("*") ? .absent : .none
    }
}
