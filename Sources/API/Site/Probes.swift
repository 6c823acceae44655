// Probes, the lists of what the server offers and allows, and the counters of answers.

import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import Locking

extension Route {
    static let probes: [Route] = [
        .get("live", "/livez", produces: [MediaType.plain], scope: nil, Service.live),
        .get("ready", "/readyz", produces: [MediaType.plain], scope: nil, Service.ready),
        .get("version", "/version", scope: nil, Service.version),
        .get("metrics", "/metrics", produces: [MediaType.plain], scope: .operate, Service.metrics),
        .get("index", "/v1", Service.index),
        .get("limits", "/v1/limits", Service.limits),
    ]
}

extension Service {
    func live(_ context: RequestContext) -> Response { text(200, "alive\n") }

    func ready(_ context: RequestContext) -> Response {
        isDraining ? text(503, "draining\n") : text(200, "ready\n")
    }

    func version(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.member("name", "iovad")
            writer.member("version", configuration.version)
            for fact in configuration.build { writer.member(text: fact.name, fact.value) }
            writer.array("kernels") { writer in KernelRelease.allCases.forEach { writer.string($0.rawValue) }
            }
        }
    }

    func index(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.object("links") { writer in
                for route in Route.all where route.path.hasPrefix("/v1/") {
                    writer.member(text: route.id, "\(route.method.name) \(route.path)")
                }
            }
            writer.array("kernels") { writer in KernelRelease.allCases.forEach { writer.string($0.rawValue) }
            }
            writer.member("documentation", "/openapi.yaml")
        }
    }

    func limits(_ context: RequestContext) -> Response {
        json(200) { writer in
            writer.object("limits") { writer in
                for limit in Limits.table + configuration.serverLimits {
                    writer.key(text: limit.name)
                    writer.int(limit.value)
                }
            }
        }
    }
}

/// Counters that only grow; bounded by operations times statuses.
final class RequestCounters: Sendable {
    struct Key: Hashable, Comparable {
        let operation: String
        let status: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.operation, left.status) < (right.operation, right.status)
        }
    }

    /// Of one operation: few statuses, so that a search is faster than a hash.
    private struct Row {
        let operation: String
        var counts: [(status: Int, count: UInt64)] = []
    }

    /// By the route; nil for answers that have none.
    private let rows = Locked([ObjectIdentifier?: Row]())

    func count(_ route: Route?, status: Int) {
        rows.withLock { rows in
            Self.count(
                status,
                in: &rows[route.map(ObjectIdentifier.init), default: Row(operation: Self.name(of: route))])
        }
    }

    /// Answers about paths that nothing has are one operation, with those to OPTIONS.
    static func name(of route: Route?) -> String { route?.id ?? "none" }

    private static func count(_ status: Int, in row: inout Row) {
        if let place = row.counts.firstIndex(where: { $0.status == status }) {
            row.counts[place].count &+= 1
        } else {
            row.counts.append((status, 1))
        }
    }

    /// Every counter, sorted by operation and status.
    var snapshot: [(key: Key, value: UInt64)] {
        rows.withLock { Array($0.values) }.flatMap { row in
            row.counts.map { (Key(operation: row.operation, status: $0.status), $0.count) }
        }.sorted { $0.key < $1.key }
    }
}
