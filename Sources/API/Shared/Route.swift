// Routes: a row says everything about one of them, and what handles it. The rows stand beside their handlers,
// one list for each resource; `Route.all` collects them. The router, 405 with Allow, OPTIONS, the index at
// /v1, the dispatch and the tests of the contract all read these rows, so that they cannot disagree.

package import HTTP
import Locking

/// One thing that can be asked for, by method and path. A class, so that a plan holds one reference.
package final class Route: Sendable {
    typealias Handler = @Sendable (Service) -> (RequestContext) throws(Problem) -> Response

    /// A part of a path: a word, or a variable by its name.
    enum Segment: Hashable, Sendable {
        case literal(String)
        case variable(String)
    }

    /// A body that is read.
    struct BodyType: Sendable {
        var mediaType: String
        var bytesMax = Limits.bodyBytesMax

        static let json = BodyType(mediaType: MediaType.json)
        static let plain = BodyType(mediaType: MediaType.plain)
    }

    /// The operationId of the published contract.
    package let id: String
    package let method: Method
    /// The path with its variables in braces, as in the published contract.
    package let path: String
    /// Query parameters that are read; any other is refused.
    package let query: [String]
    /// Media types of the answer, the first by default.
    package let produces: [String]
    /// What a token must allow where tokens are needed; nil for probes and pages, which need none.
    package let scope: Scope?
    /// Bodies that are read; empty when the route takes none.
    let reads: [BodyType]
    /// Whether an Idempotency-Key is obeyed: for POSTs that create something.
    let isIdempotent: Bool
    /// Where the answer is computed.
    let lane: Responder.Lane
    let segments: [Segment]
    let handler: Handler
    /// Tells it from all other routes, for tables: small, in no order that means anything.
    let number: Int

    private static let count = Locked(0)

    /// Media types of a request body that are read.
    package var consumes: [String] { reads.map(\.mediaType) }

    /// The one to propose to whoever named none: where any bytes are read, their own form decides.
    var usualType: String {
        [MediaType.octetStream, MediaType.plain].first { consumes.contains($0) } ?? consumes.first
            ?? MediaType.json
    }

    private init(
        _ id: String, _ method: Method, _ path: String, query: [String], reads: [BodyType],
        produces: [String], scope: Scope?, isIdempotent: Bool, lane: Responder.Lane,
        _ handler: @escaping Handler
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.query = query
        self.reads = reads
        self.produces = produces
        self.scope = scope
        self.isIdempotent = isIdempotent
        self.lane = lane
        self.handler = handler
        isStored = Self.isStored(id, path, scope)
        number = Self.count.withLock { count in
            defer { count += 1 }
            return count
        }
        segments = path.split(separator: "/").map { part in
            part.hasPrefix("{") ? .variable(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    private static func isStored(_ id: String, _ path: String, _ scope: Scope?) -> Bool {
        if path.hasPrefix("/v1/platforms") { return scope == .write }
        // Logs too: whoever goes on after an event must not be told that it has not come yet.
        return (path.hasPrefix("/v1/sessions") || path.hasPrefix("/v1/agreements"))
            && id != "listSessions" && id != "listAgreements"
    }

    /// Of what is read, or with `scope: nil` a probe or a page.
    static func get(
        _ id: String, _ path: String, query: [String] = [], produces: [String] = [MediaType.json],
        scope: Scope? = .read, lane: Responder.Lane = .light, _ handler: @escaping Handler
    ) -> Route {
        Route(
            id, .get, path, query: query, reads: [], produces: produces, scope: scope,
            isIdempotent: false, lane: lane, handler)
    }

    static func post(
        _ id: String, _ path: String, scope: Scope, query: [String] = [], reads: [BodyType] = [.json],
        produces: [String] = [MediaType.json], isIdempotent: Bool = false,
        lane: Responder.Lane = .byBody(lightBytesMax: Limits.lightBodyBytesMax), _ handler: @escaping Handler
    ) -> Route {
        Route(
            id, .post, path, query: query, reads: reads, produces: produces, scope: scope,
            isIdempotent: isIdempotent, lane: lane, handler)
    }

    static func put(
        _ id: String, _ path: String, query: [String], reads: [BodyType], lane: Responder.Lane,
        _ handler: @escaping Handler
    ) -> Route {
        Route(
            id, .put, path, query: query, reads: reads, produces: [MediaType.json], scope: .write,
            isIdempotent: false, lane: lane, handler)
    }

    static func patch(
        _ id: String, _ path: String, lane: Responder.Lane = .byBody(lightBytesMax: Limits.lightBodyBytesMax),
        _ handler: @escaping Handler
    ) -> Route {
        Route(
            id, .patch, path, query: [], reads: [.json], produces: [MediaType.json], scope: .write,
            isIdempotent: false, lane: lane, handler)
    }

    static func delete(
        _ id: String, _ path: String, lane: Responder.Lane = .light, _ handler: @escaping Handler
    ) -> Route {
        Route(
            id, .delete, path, query: [], reads: [], produces: [MediaType.json], scope: .write,
            isIdempotent: false, lane: lane, handler)
    }

    /// Whether what it reads or changes is in the store, where there is one. Lists say what is in memory.
    let isStored: Bool

    /// Parameters of every list.
    static let paging = ["limit", "page_token"]

    /// Where in the path a variable stands; our own handlers name only those of their route.
    func place(of variable: String) -> Int {
        guard let place = segments.firstIndex(of: .variable(variable)) else {
            preconditionFailure("no path variable \(variable) in \(path)")
        }
        return place
    }
}

extension Route {
    /// Every route, resource by resource, in the order in which they are listed.
    package static let all: [Route] =
        site + probes + platforms + devices + decisions + replays + faults + mapFailures + catalogue + kernels
        + vmms + placements + surveys + agreements + sessions + domains + verbs
}

/// One path with the routes that share it.
struct RoutePath: Sendable {
    let segments: [Route.Segment]
    private(set) var routes: [Route]

    fileprivate init(_ route: Route) {
        segments = route.segments
        routes = [route]
    }

    fileprivate mutating func add(_ route: Route) {
        precondition(
            !routes.contains { $0.method == route.method }, "two routes \(route.method) \(route.path)")
        routes.append(route)
    }

    /// The route of a method; HEAD is GET's.
    func route(_ method: Method) -> Route? {
        let wanted = method == .head ? Method.get : method
        return routes.first { $0.method == wanted }
    }

    /// The value of an Allow header.
    var allow: String {
        var names = routes.map(\.method.name)
        if names.contains("GET") { names.append("HEAD") }
        names.append("OPTIONS")
        return names.joined(separator: ", ")
    }

    /// Whether the path is decoded `parts`, which are as many as the segments.
    fileprivate func fits(_ parts: [String]) -> Bool {
        for (segment, part) in zip(segments, parts) {
            if case .literal(let word) = segment, word != part { return false }
        }
        return true
    }
}

enum RouteTable {
    /// Stands for every file of the site; `match` does not give it.
    static let staticFile = RoutePath(Route.staticFile)

    /// Every path, by its number of segments.
    private static let bySegmentCount: [[RoutePath]] = {
        var table: [[RoutePath]] = []
        for route in Route.all where route !== Route.staticFile {
            let count = route.segments.count
            while table.count <= count { table.append([]) }
            if let place = table[count].firstIndex(where: { $0.segments == route.segments }) {
                table[count][place].add(route)
            } else {
                table[count].append(RoutePath(route))
            }
        }
        return table
    }()

    /// The path that decoded `parts` name; nil when nothing is there. No path has a word where another of as
    /// many segments has a variable, so that their order does not matter.
    static func match(_ parts: [String]) -> RoutePath? {
        guard parts.count < bySegmentCount.count else { return nil }
        return bySegmentCount[parts.count].first { $0.fits(parts) }
    }
}
