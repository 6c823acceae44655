// Static files: their headers, their two codings, and what is no file.

import API
import HTTP
import Testing

@Suite struct SiteTests {
    private static let page = Array(String(repeating: "<p>page</p>", count: 100).utf8)
    private static let packed = Gzip.packed(page)!
    private let client: ServiceClient

    init() {
        let site = Site(files: [
            "/index.html": Site.File(body: Self.page, isPackable: true, mediaType: "text/html"),
            "/js/map/scale.js": Site.File(body: [0x31], isPackable: true, mediaType: "text/javascript"),
            "/docs/index.html": Site.File(body: Self.page, isPackable: true, mediaType: "text/html"),
            "/docs/limits.html": Site.File(body: Self.page, isPackable: true, mediaType: "text/html"),
            "/a b.png": Site.File(body: [0x89], mediaType: "image/png"),
            "/v1": Site.File(body: [0], mediaType: "text/plain"),
        ])
        client = ServiceClient(
            Service.Configuration(
                version: "test", tokens: AccessTokens(single: "0123456789abcdef"), site: site))
    }

    private func get(_ target: String, _ fields: (String, String)...) -> Response {
        client.get(target, headers: fields.map { .init($0.0, $0.1) }).response
    }

    @Test func plainAndPackedAreTwoRepresentations() throws {
        let plain = get("/")
        #expect(plain.status == 200 && plain.body == Self.page)
        #expect(plain.headers["Content-Type"] == "text/html; charset=utf-8")
        #expect(plain.headers["Vary"] == "Accept-Encoding" && plain.headers["Content-Encoding"] == nil)
        let packed = get("/", ("Accept-Encoding", "br, gzip;q=0.5"))
        #expect(packed.body == Self.packed && packed.headers["Content-Encoding"] == "gzip")
        let tags = try (#require(plain.headers["ETag"]), #require(packed.headers["ETag"]))
        #expect(tags.0 != tags.1 && tags.0.hasPrefix("\"") && tags.1.hasSuffix("\""))
        let again = get("/index.html", ("Accept-Encoding", "gzip"), ("If-None-Match", tags.1))
        #expect(again.status == 304 && again.body.isEmpty && again.headers["ETag"] == tags.1)
        #expect(again.headers["Vary"] == "Accept-Encoding" && again.headers["Cache-Control"] == "no-cache")
        #expect(get("/", ("If-None-Match", tags.1)).status == 200)
        #expect(get("/", ("If-None-Match", "\"x\", W/\(tags.0)")).status == 304)
    }

    @Test(arguments: [
        ("gzip", true), ("*", true), ("deflate, GZIP", true), ("gzip;q=0", false), ("*;q=0", false),
        ("gzip;q=0, *", false), ("*;q=0, gzip", true), ("identity", false), ("", false),
        ("gzip;q=0.001", true), ("gzip; q=0.0", false), ("xgzip", false),
    ])
    func acceptEncoding(field: String, isPacked: Bool) {
        #expect((get("/", ("Accept-Encoding", field)).headers["Content-Encoding"] == "gzip") == isPacked)
    }

    @Test func everyFileIsGuarded() {
        for path in ["/", "/index.html", "/js/map/scale.js", "/a%20b.png"] {
            let answer = get(path)
            #expect(answer.status == 200, "\(path)")
            #expect(answer.headers["Content-Security-Policy"]?.hasPrefix("default-src 'self';") == true)
            #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
            #expect(answer.headers["Referrer-Policy"] == "no-referrer")
        }
        #expect(get("/js/map/scale.js").headers["Content-Type"] == "text/javascript; charset=utf-8")
        // A packed form that is no smaller is not kept.
        #expect(get("/js/map/scale.js", ("Accept-Encoding", "gzip")).headers["Vary"] == nil)
        #expect(get("/a%20b.png").headers["Content-Type"] == "image/png")
    }

    @Test(arguments: ["/docs", "/docs/index", "/docs/limits", "/docs/limits.html", "/index"])
    func pagesNeedNoEnding(target: String) {
        let answer = get(target)
        #expect(answer.status == 200 && answer.body == Self.page)
        #expect(answer.headers["Content-Type"] == "text/html; charset=utf-8")
        #expect(get(target, ("Accept-Encoding", "gzip")).headers["Content-Encoding"] == "gzip")
        #expect(client.ask(.post, target).status == 405)
    }

    @Test(arguments: [
        "/docs%2flimits", "/docs//limits", "/docs/limits.html.html", "/docs/none",
        "/js/map/scale", "/js", "/js/", "/js/map", "/js/map/scale.js/", "/index.html/", "/../index.html",
        "/js/../index.html",
        "/js/%2e%2e/index.html", "/js%2fmap%2fscale.js", "//index.html", "/INDEX.HTML", "/etc/passwd",
        "/js/map/scale.js%00", "/./index.html", "/%2e%2e/%2e%2e/etc/passwd", "/index.html?x=1",
    ])
    func whatIsNoFile(target: String) {
        let answer = get(target)
        #expect(answer.status == 404 || answer.status == 400, "\(target): \(answer.status)")
        #expect(answer.headers["Content-Type"] == "application/problem+json")
    }

    @Test func filesAreNoWayAroundTheAPI() {
        #expect(get("/v1").status == 401)
        #expect(client.ask(.post, "/index.html").status == 405)
        #expect(client.ask(.post, "/none.html").status == 404)
        #expect(client.ask(.options, "/js/map/scale.js").response.headers["Allow"] == "GET, HEAD, OPTIONS")
        #expect(get("/index.html", ("Accept", "application/json")).status == 406)
        #expect(get("/js/map/scale.js", ("Accept", "text/css, */*;q=0.1")).status == 200)
        #expect(client.ask(.head, "/index.html").status == 200)
    }

    @Test func otherOriginsVaryTheAnswerToo() {
        var configuration = Service.Configuration(version: "test")
        configuration.allowedOrigin = "https://example.org"
        configuration.site.files["/index.html"] = Site.File(
            body: Self.page, isPackable: true, mediaType: "text/html")
        let answer = ServiceClient(configuration).get("/").response
        #expect(answer.headers["Vary"] == "Accept-Encoding, Origin")
        #expect(answer.headers["Access-Control-Allow-Origin"] == "https://example.org")
    }
}
