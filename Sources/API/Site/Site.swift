// Pages and files for people: the dashboard, the documentation, the contract, and what a problem means. The
// composition root reads the files once at start: the service itself does no I/O, and a path that is not in
// this table does not exist, whatever it looks like.

import HTTP
import Locking

/// Files by absolute URL path, decoded: "/index.html", "/js/map/scale.js".
public struct Site: Sendable {
    public final class File: Sendable {
        package let body: [UInt8]
        package let mediaType: String
        /// Strong entity tag of `body`, quotes included.
        package let etag: String
        /// Strong entity tag of `packed`: other bytes, other tag (RFC 9110, 8.8.1).
        let packedETag: String
        private let packing: Packing?
        /// Fields of an answer with the body as it is.
        let fields: HeaderFields
        /// Fields of an answer in gzip coding.
        let packedFields: HeaderFields

        /// Whether the file is offered in gzip coding.
        var isPackable: Bool { packing != nil }

        /// The body in gzip coding; nil when that is not worth it.
        package var packed: [UInt8]? { packing?.packed(body) }

        /// With `isPackable` the file is also offered in gzip coding.
        package init(body: [UInt8], isPackable: Bool = false, mediaType: String) {
            self.body = body
            packing = isPackable ? Packing() : nil
            self.mediaType = mediaType
            etag = EntityTag.of(body)
            packedETag = String(etag.dropLast()) + "-gzip\""
            fields = Self.fields(mediaType, etag: etag, varies: isPackable, isPacked: false)
            packedFields = Self.fields(mediaType, etag: packedETag, varies: true, isPacked: true)
        }

        private static func fields(
            _ mediaType: String, etag: String, varies: Bool, isPacked: Bool
        ) -> HeaderFields {
            var fields = HeaderFields([.init("ETag", etag), .init("Cache-Control", "no-cache")])
            if varies { fields.add("Vary", "Accept-Encoding") }
            if isPacked { fields.add("Content-Encoding", "gzip") }
            let isText = mediaType.hasPrefix("text/") || mediaType == MediaType.yaml
            fields.add("Content-Type", isText ? "\(mediaType); charset=utf-8" : mediaType)
            fields.add("Content-Security-Policy", Site.contentSecurityPolicy)
            fields.add("Referrer-Policy", "no-referrer")
            return fields
        }

        /// Fields of 304, which says nothing of the body.
        func unchangedFields(isPacked: Bool) -> HeaderFields {
            HeaderFields(
                (isPacked ? packedFields : fields).fields.filter {
                    ["ETag", "Cache-Control", "Vary"].contains($0.name)
                })
        }
    }

    /// Packs a file when somebody first asks for it: packing all of them at start took most of the start.
    private final class Packing: Sendable {
        private enum State {
            case untried
            case tried([UInt8]?)
        }

        private let state = Locked(State.untried)

        /// Under the lock, so that it is done once; those who ask meanwhile need the result.
        func packed(_ body: [UInt8]) -> [UInt8]? {
            state.withLock { state in
                if case .tried(let packed) = state { return packed }
                let packed = Gzip.packed(body).flatMap { $0.count < body.count ? $0 : nil }
                state = .tried(packed)
                return packed
            }
        }
    }

    public var files: [String: File]

    public init(files: [String: File] = [:]) { self.files = files }

    /// The file at the segments of a path, or the page that has the path as its name: "/docs/limits" is
    /// "/docs/limits.html", "/docs" is "/docs/index.html". A slash inside a segment (`%2F`) separates
    /// nothing.
    func file(at path: [String]) -> File? {
        guard !path.contains(where: { $0.utf8.contains(UInt8(ascii: "/")) }) else { return nil }
        let name = path.reduce(into: "") { $0 += "/" + $1 }
        return files[name] ?? files[name + ".html"] ?? files[name + "/index.html"]
    }

    /// Whether the path is a page's, and not a file's with its ending.
    func isPage(_ path: [String]) -> Bool {
        file(at: path) != nil && files["/" + path.joined(separator: "/")] == nil
    }

    /// What browsers may load from a page of this server, and who may frame it. Nothing inline.
    static let contentSecurityPolicy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    /// Sheets of the dashboard that make up a page of text.
    static let pageStyles = ["/css/base.css", "/css/controls.css", "/css/parts.css"]
}

extension Route {
    /// Any file of the dashboard or the documentation; the variable may hold slashes.
    static let staticFile = Route.get("staticFile", "/{file}", scope: nil, Service.staticFile)

    static let site: [Route] = [
        .get("landingPage", "/", produces: [MediaType.html], scope: nil, Service.landingPage),
        staticFile,
        .get("openAPI", "/openapi.yaml", produces: [MediaType.yaml], scope: nil, Service.openAPI),
        .get("openAPIJSON", "/openapi.json", scope: nil, Service.openAPIJSON),
        .get("problemPage", "/problems/{slug}", produces: [MediaType.html], scope: nil, Service.problemPage),
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

    /// `make docs` makes the file from openapi.yaml; a test holds them equal.
    func openAPIJSON(_ context: RequestContext) throws(Problem) -> Response {
        guard let file = configuration.site.files["/openapi.json"] else { throw notServed("/openapi.json") }
        return answer(file, context)
    }

    func staticFile(_ context: RequestContext) throws(Problem) -> Response {
        guard let file = context.plan.file else { throw notServed("/" + context.variable("file")) }
        return answer(file, context)
    }

    private func notServed(_ path: String) -> Problem {
        Problem(.notFound, "\(path) is not served: start iovad with --public and the folder Public/.")
    }

    private func answer(_ file: Site.File, _ context: RequestContext) -> Response {
        let codings = context.head.headers.all("Accept-Encoding")
        let wantsPacked = Negotiation.accepts(coding: "gzip", fields: codings)
        let packed = wantsPacked ? file.packed : nil
        if context.alreadyHas(packed == nil ? file.etag : file.packedETag) {
            return Response(status: 304, headers: file.unchangedFields(isPacked: packed != nil))
        }
        let form: FixedAnswers.Form = packed != nil ? .packed : wantsPacked ? .unvarying : .plain
        return fixedAnswers.slot(of: file, as: form).response(of: self, context.requestID) {
            if let packed { return Response(status: 200, headers: file.packedFields, body: packed) }
            var response = Response(status: 200, headers: file.fields, body: file.body)
            // Nothing varies where gzip was asked for and is not worth it.
            if wantsPacked { response.headers.fields.removeAll { $0.name == "Vary" } }
            return response
        }
    }

    func problemPage(_ context: RequestContext) throws(Problem) -> Response {
        let slug = context.variable("slug")
        let links = "<p><a href=\"/\">Dashboard</a> <a href=\"/openapi.yaml\">Contract</a></p>"
        func about(_ title: String, _ advice: String) -> Response {
            page(title, "<p>\(advice)</p><p>Code: <code>\(slug)</code></p>\(links)")
        }
        // Where both have a code, the problem says what its mistakes are.
        if let kind = ProblemKind(rawValue: slug) {
            return about("\(kind.title) (\(kind.status))", kind.advice)
        }
        guard let advice = FieldCodes.advice(slug) else {
            throw Problem(.notFound, "Unknown problem; GET /openapi.yaml lists them all.")
        }
        return about("A member or parameter is wrong: \(slug)", advice)
    }

    /// The way to a page that was asked for with a slash after its name, as folders are; nil for others.
    func redirect(_ head: RequestHead) -> Response? {
        guard head.method == .get || head.method == .head else { return nil }
        let path = head.rawTarget.prefix { $0 != UInt8(ascii: "?") }
        guard path.last == UInt8(ascii: "/") else { return nil }
        let place = Array(path.dropLast() + head.rawTarget.dropFirst(path.count))
        guard let target = try? RequestTarget(parsing: place),
            configuration.site.isPage(target.path)
        else { return nil }
        return Response(
            status: 308, headers: HeaderFields([.init("Location", String(decoding: place, as: UTF8.self))]))
    }

    /// Only our own words go into a page, never a caller's. It wears the dashboard's style where that is
    /// served.
    private func page(_ title: String, _ content: String) -> Response {
        let words = content.split(separator: "`", omittingEmptySubsequences: false).joined()
        let html = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            \(pageLinks)</head>
            <body>
            <main class="page"><h1>\(title)</h1>
            \(words)
            </main>
            </body>
            </html>

            """
        return Response(
            status: 200,
            headers: HeaderFields([
                .init("Content-Type", "text/html; charset=utf-8"),
                .init("Content-Security-Policy", Site.contentSecurityPolicy),
            ]), body: Array(html.utf8))
    }

    private var pageLinks: String {
        let links = Site.pageStyles.map { ($0, "stylesheet") } + [("/favicon.svg", "icon")]
        return links.filter { configuration.site.files[$0.0] != nil }
            .reduce(into: "") { $0 += "<link rel=\"\($1.1)\" href=\"\($1.0)\">\n" }
    }
}
