// Pages and files for people: the dashboard, the contract, and what a problem means.

import HTTP

extension Route {
    /// Any file of the dashboard; the variable may hold slashes.
    static let staticFile = Route.get("staticFile", "/{file}", Service.staticFile)

    static let site: [Route] = [
        .get("landingPage", "/", produces: [MediaType.html], Service.landingPage),
        staticFile,
        .get("openAPI", "/openapi.yaml", produces: [MediaType.yaml], Service.openAPI),
        .get("problemPage", "/problems/{slug}", produces: [MediaType.html], Service.problemPage),
    ]
}

extension Service {
    func landingPage(_ context: RequestContext) -> Response {
        guard let file = configuration.site.files["/index.html"] else {
            return page("iovad", "<p>The API is at <a href=\"/v1\">/v1</a>.</p>")
        }
        return answer(file, context)
    }

    func openAPI(_ context: RequestContext) throws(Problem) -> Response {
        guard let file = configuration.site.files["/openapi.yaml"] else { throw notServed("/openapi.yaml") }
        return answer(file, context)
    }

    func staticFile(_ context: RequestContext) throws(Problem) -> Response {
        guard let file = context.plan.file else { throw notServed("/" + context.variable("file")) }
        return answer(file, context)
    }

    private func notServed(_ path: String) -> Problem {
        Problem(.notFound, "\(path) is not served: start iovad with --public where Public/ lies.")
    }

    private func answer(_ file: Site.File, _ context: RequestContext) -> Response {
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
