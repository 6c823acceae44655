// What the tests of agreements share: a service whose clock they set, machines that reserve a place or none,
// and short ways to ask about an agreement.

import HTTP
import Locking

@testable import API

struct AgreementFixture {
    let clock = SessionServiceTests.Clock()
    let client: ServiceClient

    init(tokens: AccessTokens? = nil) {
        var configuration = Service.Configuration(version: "test", tokens: tokens)
        let clock = clock
        configuration.wallClock = { clock.now.withLock { $0 } }
        client = ServiceClient(configuration)
    }

    /// A guest for which Linux's own window works wherever the host leaves it free.
    static let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
    static let plain = LabelTests.machine()
    /// Reserves Linux's own window.
    static let reserving = LabelTests.machine(reserving: "0x8000000")

    func ask(
        _ method: HTTP.Method, _ target: String, _ body: String? = nil, ifMatch: String? = nil,
        token: String? = nil, key: String? = nil
    ) -> ServiceClient.Answer {
        var headers: [HeaderFields.Field] = []
        if let ifMatch { headers.append(.init("If-Match", ifMatch)) }
        if let token { headers.append(.init("Authorization", "Bearer secret-of-\(token)-01234")) }
        if let key { headers.append(.init("Idempotency-Key", key)) }
        return client.ask(
            method, target, Array((body ?? "").utf8), type: body == nil ? nil : MediaType.json,
            headers: headers)
    }

    @discardableResult
    func put(_ platform: String, _ machine: String, token: String? = nil) -> ServiceClient.Answer {
        ask(.put, "/v1/platforms/\(platform)", machine, token: token)
    }

    @discardableResult
    func label(_ platform: String, pool: String?) -> ServiceClient.Answer {
        ask(
            .put, "/v1/platforms/\(platform)/labels", pool.map { #"{"pool":"\#($0)"}"# } ?? "{}")
    }

    static func host(_ platform: String, name: String? = nil) -> String {
        #"{"name":"\#(name ?? platform)","platform":"\#(platform)"}"#
    }

    func propose(_ id: String, on platforms: [String], token: String? = nil) -> ServiceClient.Answer {
        let hosts = platforms.map { Self.host($0) }.joined(separator: ",")
        return ask(
            .post, "/v1/agreements", #"{"id":"\#(id)","hosts":[\#(hosts)],\#(Self.vm)}"#, token: token)
    }

    func move(_ id: String, to state: String, ifMatch: String? = nil) -> ServiceClient.Answer {
        ask(.patch, "/v1/agreements/\(id)", #"{"state":"\#(state)"}"#, ifMatch: ifMatch)
    }

    func read(_ id: String) -> ServiceClient.Answer { client.get("/v1/agreements/\(id)") }

    func isBroken(_ id: String) -> Bool { read(id).json["broken"] is [String: Any] }

    /// Names of events by their ids, after one.
    func events(_ id: String, after: Int = 0) -> [String] {
        client.get("/v1/agreements/\(id)/events?after=\(after)&limit=1000").list("items").map {
            "\($0["id"] as? Int ?? -1) \($0["event"] as? String ?? "")"
        }
    }

    /// Kinds of what breaks it.
    func blockers(_ id: String) -> [String] {
        let broken = read(id).json["broken"] as? [String: Any]
        return (broken?["blockers"] as? [[String: Any]] ?? []).map {
            "\($0["host"] as? String ?? "-") \($0["kind"] as? String ?? "")"
        }
    }

    func code(_ answer: ServiceClient.Answer) -> String {
        "\(answer.status) \(answer.json["code"] as? String ?? "")"
    }
}
