// What is known about a request from its head alone: the operation, its variables, the representation.
// Everything that can be refused without the body is refused here, in one order, for every operation.

import APIContract
import HTTPMessages
import WireJSON

/// An admitted request.
struct Plan: Sendable {
    let operation: Operation
    let variables: [String: String]
    let query: [QueryItem]
    /// Media type of the answer.
    let produces: String
    /// Media type of the body; nil when the operation takes none.
    let consumes: String?
    let requestID: String

    var bodyLimitBytes: Int {
        guard let consumes else { return 0 }
        if operation == .replay { return Limits.replayBodyBytesMax }
        return consumes == MediaType.deviceTree ? Limits.deviceTreeBytesMax : Limits.bodyBytesMax
    }
}

/// A finished answer in place of a plan.
struct Refused: Error {
    let response: Response
}

extension Service {
    func plan(_ head: RequestHead) -> Result<Plan, Refused> {
        let requestID = requestID(of: head)
        do {
            if head.method == .options { return .failure(Refused(response: try options(head, requestID))) }
            return .success(try admittedPlan(head, requestID))
        } catch {
            return .failure(Refused(response: answer(error, head, requestID)))
        }
    }

    private func admittedPlan(_ head: RequestHead, _ requestID: String) throws(Problem) -> Plan {
        let target = try parsedTarget(head)
        guard let (route, variables) = route(of: target.path) else { throw notFound(target) }
        guard let operation = route.operation(head.method) else {
            throw Problem(
                .methodNotAllowed,
                "\(head.method.name) does not work on \(target.description); allowed: \(route.allow).",
                headers: HeaderFields([.init("Allow", route.allow)]))
        }
        try authorize(operation, head)
        guard
            let produces = Negotiation.choose(
                from: offers(operation, target), accepting: head.headers.all("Accept"))
        else {
            let offers = offers(operation, target).joined(separator: ", ")
            throw Problem(.notAcceptable, "This resource is available as \(offers) only.")
        }
        try checkQuery(target.query, of: operation)
        return Plan(
            operation: operation, variables: variables, query: target.query, produces: produces,
            consumes: try consumed(by: operation, head), requestID: requestID)
    }

    /// Media types of the answer: a file has its own.
    private func offers(_ operation: Operation, _ target: RequestTarget) -> [String] {
        guard operation == .staticFile, let file = configuration.site.file(at: target.path) else {
            return operation.produces
        }
        return [file.mediaType]
    }

    private func parsedTarget(_ head: RequestHead) throws(Problem) -> RequestTarget {
        do {
            return try RequestTarget(parsing: head.rawTarget)
        } catch {
            throw Problem(error)
        }
    }

    private func notFound(_ target: RequestTarget) -> Problem {
        Problem(.notFound, "Nothing is at \(target.description); GET /v1 lists what there is.")
    }

    private func authorize(_ operation: Operation, _ head: RequestHead) throws(Problem) {
        guard let token = configuration.token, operation.needsToken else { return }
        guard let field = head.headers["Authorization"] else {
            throw Problem(
                .unauthenticated, "Send Authorization: Bearer with this server's token.",
                headers: HeaderFields([.init("WWW-Authenticate", "Bearer realm=\"iovad\"")]))
        }
        guard equalInConstantTime(field, "Bearer \(token)") else {
            throw Problem(.forbidden, "The token in Authorization is not this server's.")
        }
    }

    /// Compares without telling by its duration where the first difference is.
    private func equalInConstantTime(_ left: String, _ right: String) -> Bool {
        let a = Array(left.utf8)
        let b = Array(right.utf8)
        var difference: UInt8 = a.count == b.count ? 0 : 1
        for index in a.indices { difference |= a[index] ^ (b.isEmpty ? 0 : b[index % b.count]) }
        return difference == 0
    }

    private func checkQuery(_ query: [QueryItem], of operation: Operation) throws(Problem) {
        var errors: [JSONProblem] = []
        var seen: Set<String> = []
        for item in query {
            if !operation.queryParameters.contains(item.name) {
                let known = operation.queryParameters
                let hint = known.isEmpty ? "none are read here" : "known are \(known.joined(separator: ", "))"
                errors.append(
                    JSONProblem(
                        pointer: "?\(item.name)", code: "unknown-parameter",
                        detail: "No such parameter; \(hint)."))
            } else if !seen.insert(item.name).inserted {
                errors.append(
                    JSONProblem(
                        pointer: "?\(item.name)", code: "repeated-parameter",
                        detail: "Send the parameter once."))
            }
        }
        if !errors.isEmpty { throw Problem.parameters(errors) }
    }

    private func consumed(by operation: Operation, _ head: RequestHead) throws(Problem) -> String? {
        guard !operation.consumes.isEmpty else { return nil }
        let known = operation.consumes.joined(separator: ", ")
        guard let field = head.headers["Content-Type"] else {
            throw Problem(.unsupportedMediaType, "Send a Content-Type; read here: \(known).")
        }
        let type = Negotiation.mediaType(field)
        guard operation.consumes.contains(type) else {
            throw Problem(.unsupportedMediaType, "\(type) is not read here; send one of \(known).")
        }
        if head.headers["Content-Encoding"].map({ Negotiation.mediaType($0) != "identity" }) == true {
            throw Problem(.unsupportedMediaType, "Send the body without Content-Encoding.")
        }
        return type
    }

    /// OPTIONS comes from the same table: 204 with Allow for every path that exists, and for `*`.
    private func options(_ head: RequestHead, _ requestID: String) throws(Problem) -> Response {
        let target = try parsedTarget(head)
        let allow: String
        if target.isAsterisk {
            allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        } else {
            guard let (route, _) = route(of: target.path) else { throw notFound(target) }
            allow = route.allow
        }
        var response = Response(status: 204, headers: HeaderFields([.init("Allow", allow)]))
        if configuration.allowedOrigin != nil {
            response.headers.set("Access-Control-Allow-Methods", allow)
            response.headers.set(
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Request-ID")
            response.headers.set("Access-Control-Max-Age", "600")
        }
        return finish(response, head, requestID, nil)
    }

    /// The caller's id when it is printable and short, otherwise a fresh one.
    func requestID(of head: RequestHead) -> String {
        if let given = head.headers["X-Request-ID"], !given.isEmpty,
            given.utf8.count <= Limits.requestIDBytesMax, given.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        {
            return given
        }
        return "r-" + String(UInt64.random(in: .min ... .max), radix: 16)
    }
}
