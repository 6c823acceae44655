// The catalogues: named policies, and the rules that explanations quote.

import HTTP
import JSON
import MSIWindows

extension Route {
    static let catalogue: [Route] = [
        .get("listPolicies", "/v1/policies", Service.listPolicies),
        .get("readPolicy", "/v1/policies/{policy}", Service.readPolicy),
        .get("listRules", "/v1/rules", Service.listRules),
    ]
}

extension Service {
    func listPolicies(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.array("items") { writer in Policy.all.forEach { writer.policy($0) } }
        }
    }

    func readPolicy(_ context: RequestContext) throws(Problem) -> Response {
        let name = context.variable("policy")
        guard let policy = Policy.named(name) else {
            throw Problem(.notFound, "No policy \"\(Excerpt.of(name))\"; GET /v1/policies lists them.")
        }
        return json { $0.policy(policy) }
    }

    func listRules(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.array("items") { writer in Rule.allCases.forEach { writer.rule($0) } }
        }
    }
}
