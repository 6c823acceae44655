// From a path to its routes. Built once from the rows, so that 404, 405 with Allow, and OPTIONS cannot
// disagree with what is served.

import HTTP

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
