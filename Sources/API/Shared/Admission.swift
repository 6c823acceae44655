// What is known about a request from its head alone: the route, its variables, the media types. It is worked
// out once, when the request is admitted, and handed to the handler with the body. Everything that can be
// refused without the body is refused here, in the same order for every route.

import AddressSpaces
import HTTP
import JSON

/// An admitted request. A class, so that handing it on counts one reference and not ten.
final class Plan: Sendable {
    let route: Route
    /// Decoded segments of the path, as many as the route has unless it is a file's.
    let path: [String]
    let query: [QueryItem]
    /// Media type of the answer.
    let produces: String
    /// What the body is read as; nil when the route takes none.
    let reads: Route.BodyType?
    let requestID: String
    let caller: Caller
    /// The file that is asked for, where one is.
    let file: Site.File?

    init(
        route: Route, target: RequestTarget, produces: String, reads: Route.BodyType?, requestID: String,
        caller: Caller, file: Site.File?
    ) {
        self.route = route
        path = target.path
        query = target.query
        self.produces = produces
        self.reads = reads
        self.requestID = requestID
        self.caller = caller
        self.file = file
    }

    /// Media type of the body; nil when the route takes none.
    var consumes: String? { reads?.mediaType }
    var bodyLimitBytes: Int { reads?.bytesMax ?? 0 }

    /// The route's, but for pages above the default size: a thousand items are a millisecond and more.
    ///
    /// - Parameter isStored: whether there is a store, for which some requests wait.
    func lane(isStored: Bool) -> Responder.Lane {
        if isStored, route.isStored { return .waiting }
        guard !query.isEmpty, Route.paging.allSatisfy(route.query.contains),
            let limit = query.first(where: { $0.name == "limit" }),
            DecimalLiteral.parse(limit.value.utf8).map({ $0 > UInt64(Limits.pageItemsDefault) }) == true
        else { return route.lane }
        return .heavy
    }
}

/// A row that is run again, behind one reference.
final class Again: Sendable {
    let command: StoredCommand

    init(_ command: StoredCommand) { self.command = command }
}

struct RequestContext: Sendable {
    let request: Request
    let plan: Plan
    /// Whether anybody still waits for the answer.
    let work: Work
    /// For a request with an Idempotency-Key: where its handler says what it acts on.
    var keySubject: KeySubject?
    /// Where there is a store: what the request changes in it.
    var transaction: Transaction?
    /// For a request that is run again: the row that it was kept as.
    var again: Again?

    init(request: Request, plan: Plan, work: Work) {
        self.request = request
        self.plan = plan
        self.work = work
    }

    /// To be called between items of what is heavy.
    func checkpoint() throws(Problem) {
        do {
            try work.checkpoint()
        } catch {
            switch error {
            // Nobody reads it.
            case .clientGone: throw Problem(.busy, "The client has gone.")
            case .overdue(let seconds):
                throw Problem(
                    .tooExpensive,
                    "The answer takes more than \(seconds) seconds of CPU time; ask for less at once.")
            }
        }
    }

    var head: RequestHead { request.head }
    var requestID: String { plan.requestID }
    var caller: Caller { plan.caller }
    /// Whose the request is where clients are counted.
    var client: String { again?.command.circumstances.client ?? caller.client(head) }

    /// The value of a path variable of the route.
    func variable(_ name: String) -> String { plan.path[plan.route.place(of: name)] }
}

extension Service {
    func plan(_ head: RequestHead, _ requestID: String) throws(Problem) -> Plan {
        let target = try parsedTarget(head)
        // It is for OPTIONS only.
        if target.isAsterisk { throw Problem(TargetProblem.notAPath) }
        let (path, file) = try found(target)
        guard let route = path.route(head.method) else {
            throw Problem(
                .methodNotAllowed,
                "\(head.method.name) does not work on \(target.description); allowed: \(path.allow).",
                headers: HeaderFields([.init("Allow", path.allow)]))
        }
        try checkFence(route, head, target)
        let caller = try accessTokens.caller(head, for: route)
        // A file has a type of its own.
        let offers = file.map { [$0.mediaType] } ?? route.produces
        guard let produces = Negotiation.choose(from: offers, accepting: head.headers.all("Accept")) else {
            let offers = offers.joined(separator: ", ")
            throw Problem(.notAcceptable, "This resource is available only as \(offers).")
        }
        try checkQuery(target.query, of: route)
        return Plan(
            route: route, target: target, produces: produces, reads: try bodyType(of: route, head),
            requestID: requestID, caller: caller, file: file)
    }

    /// The routes of a path, static files last: the API's own paths cannot be taken by a file.
    private func found(_ target: RequestTarget) throws(Problem) -> (path: RoutePath, file: Site.File?) {
        if let path = RouteTable.match(target.path) { return (path, nil) }
        guard let file = configuration.site.file(at: target.path) else {
            throw Problem(.notFound, "\(target.description) does not exist; GET /v1 lists what does.")
        }
        return (RouteTable.staticFile, file)
    }

    /// The route that a refused request was meant for: that of its path and method, or else the path's first.
    func meantRoute(_ head: RequestHead) -> Route? {
        guard let target = try? parsedTarget(head), let path = try? found(target).path else { return nil }
        return path.route(head.method) ?? path.routes.first
    }

    private func parsedTarget(_ head: RequestHead) throws(Problem) -> RequestTarget {
        do {
            return try RequestTarget(parsing: head.rawTarget)
        } catch {
            throw Problem(error)
        }
    }

    private func checkQuery(_ query: [QueryItem], of route: Route) throws(Problem) {
        var errors: [JSONProblem] = []
        for (place, item) in query.enumerated() {
            if !route.query.contains(item.name) {
                let known = route.query
                let hint = known.isEmpty ? "none" : known.joined(separator: ", ")
                errors.append(
                    JSONProblem(
                        pointer: QueryReader.pointer(item.name), code: "unknown-parameter",
                        detail: "Unknown parameter; this operation takes \(hint)."))
            } else if query[..<place].contains(where: { $0.name == item.name }) {
                errors.append(
                    JSONProblem(
                        pointer: QueryReader.pointer(item.name), code: "repeated-parameter",
                        detail: "Send the parameter once."))
            }
        }
        if !errors.isEmpty { throw Problem.parameters(errors) }
    }

    private func bodyType(of route: Route, _ head: RequestHead) throws(Problem) -> Route.BodyType? {
        guard !route.reads.isEmpty else { return nil }
        guard let field = head.headers["Content-Type"] else {
            let known = route.consumes.joined(separator: ", ")
            throw Problem(.unsupportedMediaType, "Send a Content-Type; this operation reads \(known).")
        }
        // As nearly everybody sends it; only others are taken apart.
        let exact = route.reads.first { $0.mediaType == field }
        let name = exact?.mediaType ?? Negotiation.mediaType(field)
        guard let type = exact ?? route.reads.first(where: { $0.mediaType == name }) else {
            let known = route.consumes.joined(separator: ", ")
            // Whoever called curl named no type at all: the message is in its terms.
            let hint = name == MediaType.form ? " With curl, add -H 'Content-Type: \(route.usualType)'." : ""
            throw Problem(.unsupportedMediaType, "This operation reads \(known), not \(name).\(hint)")
        }
        if head.headers["Content-Encoding"].map({ Negotiation.mediaType($0) != "identity" }) == true {
            throw Problem(.unsupportedMediaType, "Send the body without Content-Encoding.")
        }
        return type
    }

    /// OPTIONS comes from the same table: 204 with Allow for every path that exists, and for `*`.
    func options(_ head: RequestHead, _ requestID: String) throws(Problem) -> Response {
        let target = try parsedTarget(head)
        let allow: String
        if target.isAsterisk {
            allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        } else {
            allow = try found(target).path.allow
        }
        var response = Response(status: 204, headers: HeaderFields([.init("Allow", allow)]))
        if configuration.allowedOrigin != nil {
            response.headers.set("Access-Control-Allow-Methods", allow)
            response.headers.set(
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Request-ID"
            )
            response.headers.set("Access-Control-Max-Age", "600")
        }
        finish(&response, requestID, nil)
        return response
    }

    /// The caller's id when it is printable and short, otherwise a fresh one.
    func requestID(of head: RequestHead) -> String {
        if let given = head.headers["X-Request-ID"], !given.isEmpty,
            given.utf8.count <= Limits.requestIDBytesMax, given.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        {
            return given
        }
        return RequestID.text(of: nextRequestNumber() >> 12)
    }
}
