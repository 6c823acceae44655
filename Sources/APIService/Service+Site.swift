// Pages and files for people: the dashboard, the contract, and what a problem means.

import APIContract
import HTTPMessages

extension Service {
    /// The route of a path, static files last: the API's own paths cannot be taken by a file.
    func route(of path: [String]) -> (route: Route, variables: [String: String])? {
        if let match = Route.match(path) { return match }
        guard configuration.site.file(at: path) != nil else { return nil }
        return (Route.staticFile, ["file": path.joined(separator: "/")])
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
        let codings = context.head.headers.all("Accept-Encoding")
        let packed = Negotiation.accepts(coding: "gzip", fields: codings) ? file.packed : nil
        let etag = packed == nil ? file.etag : file.packedETag
        var headers = HeaderFields([.init("ETag", etag), .init("Cache-Control", "no-cache")])
        if file.packed != nil { headers.add("Vary", "Accept-Encoding") }
        if context.alreadyHas(etag) { return Response(status: 304, headers: headers) }
        if packed != nil { headers.add("Content-Encoding", "gzip") }
        let isText = file.mediaType.hasPrefix("text/") || file.mediaType == MediaType.yaml
        headers.add("Content-Type", isText ? "\(file.mediaType); charset=utf-8" : file.mediaType)
        headers.add("Content-Security-Policy", Site.contentSecurityPolicy)
        headers.add("Referrer-Policy", "no-referrer")
        return Response(status: 200, headers: headers, body: packed ?? file.body)
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
                .init("Content-Security-Policy", Site.contentSecurityPolicy),
            ]), body: Array(html.utf8))
    }
}
