// GET /v1/policies and /v1/rules: the named policies, and the rules that explanations quote.

import AddressSpaces
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

extension JSONWriter {
    mutating func policy(_ policy: Policy) {
        object { writer in
            writer.member("id", policy.id)
            writer.member("numeral", orNull: policy.numeral)
            writer.member("title", policy.title)
            writer.key("window_source")
            writer.source(policy.source)
            writer.member("consumer", orNull: policy.consumer?.rawValue)
            writer.member("status", policy.status.rawValue)
            writer.member("sentence", policy.sentence)
            writer.member("citation", policy.citation)
        }
    }

    mutating func rule(_ rule: Rule) {
        object { writer in
            writer.member("id", rule.rawValue)
            writer.member("sentence", rule.sentence)
            writer.member("citation", rule.citation)
        }
    }
}
