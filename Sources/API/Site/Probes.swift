// Probes, metrics, and the lists of what the server offers and allows.

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

    /// Prometheus text exposition, version 0.0.4.
    func metrics(_ context: RequestContext) -> Response {
        let counts = platforms.counts
        var lines = [
            "# HELP iovad_requests_total Answers by operation and status; a 503 in the place of an answer counts beside it.",
            "# TYPE iovad_requests_total counter",
        ]
        for (key, value) in counters.snapshot {
            lines.append(
                "iovad_requests_total{operation=\"\(key.operation)\",status=\"\(key.status)\"} \(value)")
        }
        lines += [
            "# HELP iovad_platforms Platforms that the server knows.", "# TYPE iovad_platforms gauge",
            "iovad_platforms{source=\"built_in\"} \(counts.builtIn)",
            "iovad_platforms{source=\"this_host\"} \(counts.offered)",
            "iovad_platforms{source=\"uploaded\"} \(counts.uploaded)",
            "# HELP iovad_event_subscribers Open event streams.", "# TYPE iovad_event_subscribers gauge",
            "iovad_event_subscribers \(events.subscriberCount)",
            "# HELP iovad_sessions Live sessions.", "# TYPE iovad_sessions gauge",
            "iovad_sessions \(sessions.count)",
            "# HELP iovad_session_items Ranges, regions, devices and doorbells of all sessions.",
            "# TYPE iovad_session_items gauge", "iovad_session_items \(sessions.totalWeight)",
        ]
        if let lane = configuration.laneGauges?() { lines += Self.lines(of: lane) }
        if let dropped = configuration.droppedLogLines?() {
            lines += [
                "# HELP iovad_log_lines_dropped_total Lines of the log that nobody read in time, or that could not be written.",
                "# TYPE iovad_log_lines_dropped_total counter", "iovad_log_lines_dropped_total \(dropped)",
            ]
        }
        if let flight = configuration.flightGauges?() { lines += Self.lines(of: flight) }
        var response = text(200, lines.joined(separator: "\n") + "\n" + RequestTimes.head)
        response.stream = times.text
        response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        return response
    }
}

extension Service {
    private static func lines(of lane: HeavyLane.Gauges) -> [String] {
        [
            "# HELP iovad_heavy_requests Heavy requests that wait or are computed.",
            "# TYPE iovad_heavy_requests gauge",
            "iovad_heavy_requests{state=\"waiting\"} \(lane.waiting)",
            "iovad_heavy_requests{state=\"running\"} \(lane.running)",
            "# HELP iovad_heavy_waiting_bytes Bodies of the heavy requests that wait.",
            "# TYPE iovad_heavy_waiting_bytes gauge", "iovad_heavy_waiting_bytes \(lane.waitingBytes)",
            "# HELP iovad_heavy_turned_away_total Heavy requests that found no room, or whose client left first.",
            "# TYPE iovad_heavy_turned_away_total counter",
            "iovad_heavy_turned_away_total{reason=\"no_room\"} \(lane.refused)",
            "iovad_heavy_turned_away_total{reason=\"client_gone\"} \(lane.cancelled)",
        ]
    }
}

extension Service {
    private static func lines(of flight: FlightBudget.Gauges) -> [String] {
        [
            "# HELP iovad_flight_bytes Bodies that arrive or are computed with, and answers that wait to be read.",
            "# TYPE iovad_flight_bytes gauge",
            "iovad_flight_bytes{kind=\"bodies\"} \(flight.bodyBytes)",
            "iovad_flight_bytes{kind=\"answers\"} \(flight.answerBytes)",
            "# HELP iovad_flight_peak_bytes The largest sum of both since the start.",
            "# TYPE iovad_flight_peak_bytes gauge", "iovad_flight_peak_bytes \(flight.peakBytes)",
            "# HELP iovad_flight_refused_total Bodies and answers that found no room.",
            "# TYPE iovad_flight_refused_total counter",
            "iovad_flight_refused_total{kind=\"bodies\"} \(flight.refusedBodies)",
            "iovad_flight_refused_total{kind=\"answers\"} \(flight.refusedAnswers)",
        ]
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

    /// Answers without a route are one operation.
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
