// From a request target to an operation. Built once from the operation table, so that 404, 405 with
// Allow, and OPTIONS cannot disagree with what is served.

import APIContract
import HTTPMessages

/// One path template with the operations that share it.
struct Route: Sendable {
    enum Segment: Hashable, Sendable {
        case literal(String)
        case variable(String)
    }

    let segments: [Segment]
    private(set) var operations: [Operation]

    /// Every route, literal segments before variables.
    static let all: [Route] = {
        var byTemplate: [(template: String, operations: [Operation])] = []
        for operation in Operation.allCases where operation != .staticFile {
            if let index = byTemplate.firstIndex(where: { $0.template == operation.template }) {
                byTemplate[index].operations.append(operation)
            } else {
                byTemplate.append((operation.template, [operation]))
            }
        }
        let routes = byTemplate.map { Route(template: $0.template, operations: $0.operations) }
        for route in routes {
            let methods = Set(route.operations.map(\.method.name))
            precondition(methods.count == route.operations.count, "two operations of one method: \(route)")
        }
        return routes
    }()

    /// Stands for every file of the site; `match` does not give it.
    static let staticFile = Route(template: Operation.staticFile.template, operations: [.staticFile])

    init(template: String, operations: [Operation]) {
        segments = template.split(separator: "/").map { part in
            part.hasPrefix("{") ? .variable(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
        self.operations = operations
    }

    /// The route of a decoded path and the values of its variables; nil when nothing is there.
    static func match(_ path: [String]) -> (route: Route, variables: [String: String])? {
        for route in all where route.segments.count == path.count {
            var variables: [String: String] = [:]
            let fits = zip(route.segments, path).allSatisfy { segment, part in
                switch segment {
                case .literal(let literal): return literal == part
                case .variable(let name):
                    variables[name] = part
                    return true
                }
            }
            if fits { return (route, variables) }
        }
        return nil
    }

    /// The operation of a method; HEAD is GET's.
    func operation(_ method: Method) -> Operation? {
        let wanted = method == .head ? Method.get : method
        return operations.first { $0.method == wanted }
    }

    /// The value of an Allow header.
    var allow: String {
        var names = operations.map(\.method.name)
        if names.contains("GET") { names.append("HEAD") }
        names.append("OPTIONS")
        return names.joined(separator: ", ")
    }
}
