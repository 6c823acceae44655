// Probes and lists that say what there is.

import APIContract
import EventStreams
import HTTPMessages
import IOVAAllocation
import WireJSON

extension Service {
    func version() -> Response {
        json(200) { writer in
            writer.member("name", "iovad")
            writer.member("version", configuration.version)
            for fact in configuration.build { writer.member(fact.name, fact.value) }
            writer.array("kernels") { writer in KernelRelease.allCases.forEach { writer.string($0.rawValue) }
            }
        }
    }

    func index() -> Response {
        json(200) { writer in
            writer.object("links") { writer in
                for operation in Operation.allCases where operation.template.hasPrefix("/v1/") {
                    writer.member(operation.rawValue, "\(operation.method.name) \(operation.template)")
                }
            }
            writer.array("kernels") { writer in KernelRelease.allCases.forEach { writer.string($0.rawValue) }
            }
            writer.member("documentation", "/openapi.yaml")
        }
    }

    func limits() -> Response {
        json(200) { writer in
            writer.object("limits") { writer in
                for limit in Limits.table + configuration.serverLimits {
                    writer.member(limit.name, limit.value)
                }
            }
        }
    }

    /// Prometheus text exposition, version 0.0.4.
    func metrics() -> Response {
        let counts = platforms.counts
        var lines = [
            "# HELP iovad_requests_total Answers by operation and status.",
            "# TYPE iovad_requests_total counter",
        ]
        for (key, value) in counters.snapshot {
            lines.append(
                "iovad_requests_total{operation=\"\(key.operation)\",status=\"\(key.status)\"} \(value)")
        }
        lines += [
            "# HELP iovad_platforms Platforms that can be asked about.", "# TYPE iovad_platforms gauge",
            "iovad_platforms{source=\"built_in\"} \(counts.builtIn)",
            "iovad_platforms{source=\"uploaded\"} \(counts.uploaded)",
            "# HELP iovad_event_subscribers Open event streams.", "# TYPE iovad_event_subscribers gauge",
            "iovad_event_subscribers \(events.subscriberCount)",
            "# HELP iovad_sessions Live sessions.", "# TYPE iovad_sessions gauge",
            "iovad_sessions \(sessions.count)",
            "# HELP iovad_session_items Ranges, regions, devices and doorbells of all sessions.",
            "# TYPE iovad_session_items gauge", "iovad_session_items \(sessions.totalWeight)",
        ]
        var response = text(200, lines.joined(separator: "\n") + "\n")
        response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        return response
    }
}
