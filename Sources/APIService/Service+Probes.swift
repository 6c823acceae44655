// Probes, pages and lists that say what there is.

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
        ]
        var response = text(200, lines.joined(separator: "\n") + "\n")
        response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        return response
    }

    func landingPage(_ context: RequestContext) throws(Problem) -> Response {
        guard configuration.site.files["/index.html"] != nil else {
            return page("iovad", "<p>The API is at <a href=\"/v1\">/v1</a>.</p>")
        }
        return try siteFile("/index.html", context)
    }

    func siteFile(_ path: String, _ context: RequestContext) throws(Problem) -> Response {
        guard let file = configuration.site.files[path] else {
            throw Problem(.notFound, "\(path) is not served: start iovad with --public where Public/ lies.")
        }
        let headers = HeaderFields([.init("ETag", file.etag), .init("Cache-Control", "no-cache")])
        if context.alreadyHas(file.etag) { return Response(status: 304, headers: headers) }
        var response = Response(status: 200, headers: headers, body: file.body)
        response.headers.set("Content-Type", "\(file.mediaType); charset=utf-8")
        response.headers.set("Content-Security-Policy", "default-src 'self'")
        return response
    }

    func problemPage(_ context: RequestContext) throws(Problem) -> Response {
        let slug = context.variable("slug")
        guard let kind = ProblemKind(rawValue: slug) else {
            throw Problem(.notFound, "No problem is called so; GET /openapi.yaml lists them.")
        }
        return page(
            "\(kind.title) (\(kind.status))", "<p>\(kind.advice)</p><p>Code: <code>\(slug)</code></p>")
    }

    /// Only our own words go into a page, never a caller's.
    private func page(_ title: String, _ content: String) -> Response {
        let html =
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>\(title)</title>"
            + "<h1>\(title)</h1>\(content.split(separator: "`", omittingEmptySubsequences: false).joined())</html>\n"
        return Response(
            status: 200,
            headers: HeaderFields([
                .init("Content-Type", "text/html; charset=utf-8"),
                .init("Content-Security-Policy", "default-src 'self'"),
            ]), body: Array(html.utf8))
    }
}
