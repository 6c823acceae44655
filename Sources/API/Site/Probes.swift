// Probes, the lists of what the server offers and allows, and the counters of answers.

import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import Locking
import Storage

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
    func live(_ context: RequestContext) -> Response {
        fixedAnswers.alive.response(of: self, context.requestID) { text(200, "alive\n") }
    }

    func ready(_ context: RequestContext) -> Response {
        guard !isDraining else { return text(503, "draining\n") }
        // Still ready: most questions need no store, and every instance lacks it at once.
        if let trouble = ledger?.storage.trouble {
            return text(200, "ready, but for what is stored: \(trouble)\n")
        }
        return fixedAnswers.ready.response(of: self, context.requestID) { text(200, "ready\n") }
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
        var operation = ""
        var counts: [(status: Int, count: UInt64)] = []
    }

    /// By the route's number; before them that of answers which have no route.
    private let rows = Locked([Row]())

    func count(_ route: Route?, status: Int) {
        let place = route.map { $0.number + 1 } ?? 0
        rows.withLock { rows in
            while rows.count <= place { rows.append(Row()) }
            if rows[place].counts.isEmpty { rows[place].operation = Self.name(of: route) }
            Self.count(status, in: &rows[place])
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
        rows.withLock { $0 }.flatMap { row in
            row.counts.map { (Key(operation: row.operation, status: $0.status), $0.count) }
        }.sorted { $0.key < $1.key }
    }
}
