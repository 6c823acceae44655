// What one client may have of platforms, sessions and requests, whether an address or a token is the client,
// and platforms that end by themselves.

import API
import HTTP
import Locking
import Testing

@Suite struct PerClientTests {
    private static let machine = #"{"devices":[]}"#

    private static func from(_ peer: String, _ client: ServiceClient) -> ServiceClient {
        var client = client
        client.peer = peer
        return client
    }

    /// A client is an address, whatever its port.
    @Test func platformsOfAnAddress() {
        let client = ServiceClient()
        for number in 0..<Limits.platformsPerClientMax {
            let answer = Self.from("192.0.2.1:\(number)", client)
                .post("/v1/platforms?id=p\(number)", json: Self.machine)
            #expect(answer.status == 201)
        }
        let (own, other) = (Self.from("192.0.2.1:9", client), Self.from("192.0.2.2:9", client))
        let full = own.post("/v1/platforms?id=more", json: Self.machine)
        #expect(full.status == 429 && full.text.contains("A client may have 1024 platforms"))
        #expect(full.response.headers["Retry-After"] != nil)
        // Its own may be replaced, and make room; another's counts from then on as whose replaced it.
        #expect(
            own.ask(.put, "/v1/platforms/p1", Array(Self.machine.utf8), type: MediaType.json).status == 200)
        #expect(other.post("/v1/platforms?id=more", json: Self.machine).status == 201)
        let taken = own.ask(.put, "/v1/platforms/more", Array(Self.machine.utf8), type: MediaType.json)
        #expect(taken.status == 429)
        #expect(
            other.ask(.put, "/v1/platforms/p2", Array(Self.machine.utf8), type: MediaType.json).status == 200)
        #expect(own.post("/v1/platforms?id=again", json: Self.machine).status == 201)
        #expect(own.post("/v1/platforms?id=again2", json: Self.machine).status == 429)
        #expect(own.ask(.delete, "/v1/platforms/p3").status == 204)
        #expect(own.post("/v1/platforms?id=again2", json: Self.machine).status == 201)
    }

    /// A token with a name is one client wherever it comes from, and two of one address are two.
    @Test func requestsOfATokenUnderWay() throws {
        let tokens = try AccessTokens(
            parsing: Array("a read,write secret-of-a-01234\nb read,write secret-of-b-01234\n".utf8))
        let service = Service(Service.Configuration(version: "test", tokens: tokens))
        func admitted(_ token: String, _ number: Int) -> Responder.Admission {
            service.responder.admit(
                RequestHead(
                    method: .post, rawTarget: Array("/v1/decisions".utf8),
                    headers: HeaderFields([
                        .init("Authorization", "Bearer secret-of-\(token)-01234"),
                        .init("Content-Type", MediaType.json),
                    ]), peer: "192.0.2.\(number % 256):1"))
        }
        func refusal(_ token: String) -> Int? {
            if case .refuse(let response) = admitted(token, 1) { response.status } else { nil }
        }
        var underWay = (0..<Limits.requestsPerClientMax).map { admitted("a", $0) }
        #expect(refusal("a") == 503 && refusal("b") == nil)
        // One that is answered gives its place back, and so does one that never ends.
        do {
            guard case .read(_, _, let answer) = underWay.removeLast() else {
                Issue.record("not admitted")
                return
            }
            _ = answer(Array("{}".utf8), Work())
        }
        #expect(refusal("a") == nil)
        underWay.removeAll()
        #expect(service.requestsUnderWay(of: "token a") == 0)
    }

    @Test func platformsEndByThemselves() {
        let time = Locked<UInt64>(1_000_000)
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { time.withLock { $0 } }
        let client = ServiceClient(configuration)
        let made = client.post("/v1/platforms?id=p&ttl_seconds=60", json: Self.machine)
        #expect(made.status == 201 && made.json["expires_at"] as? String == "1970-01-01T00:17:40.000Z")
        #expect(client.post("/v1/platforms?id=q", json: Self.machine).json["expires_at"] == nil)
        let listed = client.get("/v1/platforms").list("items").first { $0["id"] as? String == "p" }
        #expect(listed?["expires_at"] as? String == made.json["expires_at"] as? String)
        time.withLock { $0 += 59_999 }
        client.service.tick()
        #expect(client.get("/v1/platforms/p").status == 200)
        time.withLock { $0 += 1 }
        // At once for requests; its place comes back with them or with the next tick.
        #expect(client.get("/v1/platforms/p").status == 404)
        #expect(client.decide(#"{"platform":"p","device":"d","consumer":"dma_api"}"#).status == 422)
        #expect(client.ask(.delete, "/v1/platforms/p").status == 404)
        #expect(client.post("/v1/platforms?id=p", json: Self.machine).status == 201)
        time.withLock { $0 += 100_000_000 }
        client.service.tick()
        #expect(client.get("/v1/platforms/p").status == 200 && client.get("/v1/platforms/q").status == 200)
        // Replaced with a time, and without one again.
        for (query, isThere) in [("?ttl_seconds=1", false), ("", true)] {
            _ = client.ask(.put, "/v1/platforms/q" + query, Array(Self.machine.utf8), type: MediaType.json)
            time.withLock { $0 += 5_000 }
            client.service.tick()
            #expect((client.get("/v1/platforms/q").status == 200) == isThere)
        }
        for wrong in ["0", "-1", "2592001", "x", "1.5", ""] {
            #expect(client.post("/v1/platforms?ttl_seconds=\(wrong)", json: Self.machine).status == 400)
        }
    }

    /// The tag of a platform is of everything that an answer says of it, and not of the body alone.
    @Test func tagsAreOfTheWholeAnswer() {
        let time = Locked<UInt64>(1_000_000)
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { time.withLock { $0 } }
        let client = ServiceClient(configuration)
        func tag(_ query: String) -> String {
            let answer = client.ask(
                .put, "/v1/platforms/p" + query, Array(Self.machine.utf8), type: MediaType.json)
            #expect(answer.status < 300, "\(answer.text)")
            return answer.response.headers["ETag"] ?? ""
        }
        let plain = tag("")
        #expect(plain == tag(""))
        let short = tag("?ttl_seconds=60")
        #expect(short != plain && short == tag("?ttl_seconds=60"))
        let long = tag("?ttl_seconds=600")
        #expect(long != short)
        let again = client.get("/v1/platforms/p", headers: [.init("If-None-Match", short)])
        #expect(again.status == 200 && again.json["expires_at"] as? String == "1970-01-01T00:26:40.000Z")
        #expect(client.get("/v1/platforms/p", headers: [.init("If-None-Match", long)]).status == 304)
        // How it is read is a part of what it is.
        #expect(Set(["", "?preserve_config=true", "?preserve_config=false"].map(tag)).count == 3)
    }
}
