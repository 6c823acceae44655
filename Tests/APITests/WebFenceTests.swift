// Which names and origins the service answers: every form of Host, every kind of route, and pages of others.

import API
import HTTP
import Testing

@Suite struct WebFenceTests {
    private static func client(
        _ listening: [String] = ["127.0.0.1:8080"], allowed: [String] = [], origin: String? = nil
    ) -> ServiceClient {
        var configuration = Service.Configuration(version: "test", allowedOrigin: origin)
        configuration.hosts = HostNames(listening: listening, allowed: allowed)
        return ServiceClient(configuration)
    }

    private static func code(_ answer: ServiceClient.Answer) -> String? { answer.json["code"] as? String }

    @Test(arguments: [
        (
            ["127.0.0.1:8080"],
            [
                "localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:9",
                "[::1]:8080", "[::1]",
            ]
        ),
        (
            ["192.0.2.7:80", "[2001:db8::1]:80"],
            ["192.0.2.7", "192.0.2.7:80", "[2001:DB8::1]:81", "localhost", "a.test", "A.Test:443", "a.test."]
        ),
        (["0.0.0.0:80"], ["198.51.100.1", "198.51.100.1:80", "[2001:db8::2]"]),
        (["[::]:80"], ["[2001:db8::2]:80"]),
        ([], ["localhost", "127.0.0.1:1"]),
    ])
    func ourNames(listening: [String], hosts: [String]) {
        let client = Self.client(listening, allowed: ["a.test"])
        for host in hosts {
            #expect(client.get("/v1", headers: [.init("Host", host)]).status == 200, "\(host)")
        }
    }

    @Test(arguments: [
        "evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test", "127.evil.test",
        "evil.localhost:x",
        "192.0.2.7", "[2001:db8::1]", "", ":8080", "localhost:80:80", "localhost:x", "[::1", "127.0.0",
        "2130706433",
        "0.0.0.0", "a.test@evil.test", "xa.test",
    ])
    func otherNames(host: String) {
        let client = Self.client(allowed: ["a.test"])
        for target in ["/v1", "/v1/platforms", "/metrics"] {
            let answer = client.get(target, headers: [.init("Host", host)])
            #expect(answer.status == 403 && Self.code(answer) == "foreign-host", "\(target) \(host)")
        }
        // What needs no scope answers anybody, and any name can be allowed.
        #expect(client.get("/livez", headers: [.init("Host", host)]).status == 200)
        #expect(Self.client(allowed: ["*"]).get("/v1", headers: [.init("Host", host)]).status == 200)
    }

    /// What an absolute target names counts, and Host does not (RFC 9112, 3.2.2).
    @Test func absoluteTargets() {
        let client = Self.client()
        func status(_ target: String, host: String) -> Int {
            client.get(target, headers: [.init("Host", host)]).status
        }
        #expect(status("http://evil.test/v1", host: "localhost") == 403)
        #expect(status("http://localhost/v1", host: "evil.test") == 200)
        #expect(status("http://localhost:8080", host: "localhost") == 200)
        // The asterisk is for OPTIONS only.
        #expect(status("*", host: "localhost") == 400)
        #expect(client.ask(.options, "*", headers: [.init("Host", "localhost")]).status == 204)
    }

    /// Each route that needs a scope is closed to other names; each that does more than read, to other pages.
    @Test(arguments: Operation.allCases) func everyRouteIsFenced(operation: Operation) {
        let client = Self.client()
        let good = ContractFixture.good(operation)
        func code(_ fields: (String, String)...) -> String? {
            let fields = fields.map { HeaderFields.Field($0.0, $0.1) }
            let answer = client.ask(
                good.method, good.target, good.body, type: good.type, headers: good.headers + fields)
            return Self.code(answer).flatMap { $0.hasPrefix("foreign-") ? $0 : nil }
        }
        let isOpen = operation.route.scope == nil
        #expect(code(("Host", "evil.test")) == (isOpen ? nil : "foreign-host"))
        #expect(code(("Host", "localhost:8080")) == nil)
        let refusal = operation.method == .get ? nil : "foreign-origin"
        for origin in [
            "http://evil.test", "null", "http://localhost", "http://localhost:3000", "http://127.0.0.1:8080",
            "file://", "http://localhost:8080.evil.test", "x://localhost:8080", "",
        ] {
            #expect(code(("Host", "localhost:8080"), ("Origin", origin)) == refusal, "\(origin)")
        }
        #expect(code(("Host", "localhost:8080"), ("Origin", "http://localhost:8080")) == nil)
        for site in ["cross-site", "same-site"] {
            #expect(code(("Host", "localhost:8080"), ("Sec-Fetch-Site", site)) == refusal)
        }
        for site in ["same-origin", "none"] {
            #expect(code(("Host", "localhost:8080"), ("Sec-Fetch-Site", site)) == nil)
        }
    }

    @Test func originsThatWereAllowed() {
        let fields = { (origin: String) in [HeaderFields.Field("Host", "localhost"), .init("Origin", origin)]
        }
        func status(_ client: ServiceClient, _ origin: String) -> Int {
            client.ask(
                .post, "/v1/sessions", Array("{}".utf8), type: MediaType.json, headers: fields(origin)
            ).status
        }
        #expect(status(Self.client(origin: "https://a.test"), "https://a.test") == 201)
        #expect(status(Self.client(origin: "https://a.test"), "https://b.test") == 403)
        #expect(status(Self.client(origin: "*"), "https://b.test") == 201)
        // A proxy before the server has put a name of its own into Host.
        #expect(status(Self.client(allowed: ["a.test"]), "https://a.test:8443") == 201)
        #expect(status(Self.client(allowed: ["*"]), "https://a.test") == 403)
    }

    /// Nothing but our types is read, so that no form of a page is.
    @Test func formsAreNotRead() {
        let client = Self.client()
        for route in Route.all where route.method == .post || route.method == .put || route.method == .patch {
            #expect(!route.consumes.contains("application/x-www-form-urlencoded") && !route.consumes.isEmpty)
        }
        for type in [nil, "application/x-www-form-urlencoded"] {
            let answer = client.ask(
                .post, "/v1/sessions", Array("{}".utf8), type: type, headers: [.init("Host", "localhost")])
            #expect(answer.status == 415)
        }
    }

    @Test func namesThatCanBeAllowed() {
        for name in ["a", "iovad.example.org", "192.0.2.1", "[2001:db8::1]", "*", "a_b"] {
            #expect(HostNames.isName(name), "\(name)")
        }
        for name in ["", "a:80", "http://a", "a b", "2001:db8::1", "[::1]:80", "[x]", "*.a"] {
            #expect(!HostNames.isName(name), "\(name)")
        }
    }
}
