// Services with a store, held against one without: every answer is the same, however often they end and begin
// again, and whichever of several on one store is asked.

import Foundation
import HTTP
import Locking
import Storage
import TestSupport
import Testing

@testable import API

@Suite struct StoredServiceTests {
    private static let walks = Int(ProcessInfo.processInfo.environment["TEST_MODEL_WALKS"] ?? "") ?? 6

    /// One service that ends and begins again, and three that share a store.
    @Test(arguments: [1, 3])
    func answersAreThoseOfAServiceWithoutAStore(instances: Int) {
        var seeds = SeededGenerator.forTest("StoredServiceTests of \(instances)", fallback: 20_261_202)
        var counts: [String: Int] = [:]
        for _ in 0..<Self.walks {
            let seed = seeds.next()
            var walk = StoredWalk(seed: seed, instances: instances)
            walk.run(steps: 250)
            if let fault = walk.fault {
                Issue.record("walk of seed 0x\(String(seed, radix: 16)), step \(walk.step): \(fault)")
            }
            for (name, count) in walk.counts { counts[name, default: 0] += count }
        }
        print("stored services: \(instances) instances, \(counts.sorted { $0.key < $1.key })")
        for name in ["restarted", "changed", "refused", "expired", "snapshots"] {
            #expect(counts[name, default: 0] > 0, "\(name) never happened")
        }
    }

    /// Nothing is changed where the store is away, and all goes on when it is back.
    @Test func aStoreThatIsAwayLosesNothing() throws {
        let world = StoredWorld(instances: 1)
        let client = world.clients[0]
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(
            client.post("/v1/sessions/s/domains", json: #"{"id":"d","consumer":"dma_api"}"#).status == 201)
        let pages = "/v1/sessions/s/domains/d/iovas"
        let before = client.get("/v1/sessions/s/state").drained().answer.text
        world.storage.fail(with: .unavailable("the disk is full"))
        let refused = client.post(pages, json: #"{"size":"0x1000"}"#)
        #expect(refused.status == 503 && refused.json["code"] as? String == "store-unavailable")
        #expect(refused.response.headers["Retry-After"] != nil)
        #expect(refused.text.contains("the disk is full"))
        // What may have been taken back is not told either.
        #expect(client.get("/v1/sessions/s").status == 503)
        #expect(
            client.ask(.put, "/v1/platforms/p", Array(AgreementFixture.plain.utf8), type: MediaType.json)
                .status == 503)
        #expect(client.get("/v1/platforms/p").status == 404)
        #expect(client.get("/readyz").text.contains("the disk is full"))
        #expect(
            client.decide(
                #"{"consumer":"dma_api","platform":"example-qemu-virt","device":"pcie@4010000000"}"#
            )
            .status != 503)
        world.storage.fail(with: nil)
        #expect(client.get("/v1/sessions/s/state").drained().answer.text == before)
        let first = client.post(pages, json: #"{"size":"0x1000"}"#)
        #expect(first.status == 201)
        #expect(client.get("/v1/sessions/s").response.headers["ETag"] == "\"2\"")
        #expect(client.get("/readyz").text == "ready\n")
    }
}

/// Services on one store, and one without, all with one clock.
struct StoredWorld {
    let clock = SessionServiceTests.Clock()
    let storage: MemoryStorage
    let mirror: ServiceClient
    private(set) var clients: [ServiceClient] = []

    init(instances: Int) {
        let clock = clock
        let now: @Sendable () -> UInt64 = { clock.now.withLock { $0 } }
        storage = MemoryStorage(isShared: instances > 1, now: now)
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = now
        mirror = ServiceClient(service: Service(configuration))
        for _ in 0..<instances { clients.append(made()) }
    }

    private func made() -> ServiceClient {
        var configuration = Service.Configuration(version: "test")
        let clock = clock
        configuration.wallClock = { clock.now.withLock { $0 } }
        configuration.storage = storage
        let service = Service(configuration)
        do {
            let state = try service.restore()
            if !state.unreadable.isEmpty { Issue.record("unreadable: \(state.unreadable)") }
        } catch {
            Issue.record("restoring: \(error)")
        }
        return ServiceClient(service: service)
    }

    /// The service ends without a farewell, and another begins.
    mutating func restart(_ place: Int) { clients[place] = made() }
}

struct StoredWalk {
    /// Of the machines that are uploaded.
    private static let device = "d"
    private var world: StoredWorld
    private var random: SeededGenerator
    private(set) var counts: [String: Int] = [:]
    private(set) var step = 0
    private(set) var fault: String?

    init(seed: UInt64, instances: Int) {
        random = SeededGenerator(seed: seed)
        world = StoredWorld(instances: instances)
    }

    mutating func run(steps: Int) {
        while step < steps, fault == nil {
            takeStep()
            world.storage.tell()
            if step % 10 == 9 { compare() }
            step += 1
        }
    }

    private mutating func any<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }

    private mutating func takeStep() {
        if random.next() % 12 == 0 {
            world.restart(Int(random.next() % UInt64(world.clients.count)))
            counts["restarted", default: 0] += 1
        }
        if random.next() % 40 == 0 {
            world.clock.now.withLock { $0 += any([1_000, 30_000, 70_000]) }
            for client in [world.mirror] + world.clients { client.service.tick() }
            counts["expired", default: 0] += 1
        }
        switch random.next() % 20 {
        case 0, 1: sessionStep()
        case 2, 3, 4: domainStep()
        case 5...11: verbStep()
        case 12, 13, 14: platformStep()
        default: agreementStep()
        }
    }

    // MARK: Steps

    private mutating func sessionStep() {
        let id = any(["s", "t"])
        switch random.next() % 6 {
        case 0: ask(.delete, "/v1/sessions/\(id)")
        case 1: ask(.patch, "/v1/sessions/\(id)", #"{"ttl_seconds":\#(any([40, 100, 3_600]))}"#)
        case 2:
            let state = world.mirror.get("/v1/sessions/\(id)/state?form=compact").drained().answer.text
            ask(.post, "/v1/sessions?id=\(any(["s", "t", "u"]))", state)
        default:
            ask(
                .post, "/v1/sessions", #"{"id":"\#(id)","ttl_seconds":\#(any([40, 100, 3_600]))}"#,
                key: any([nil, "k1", "k2"]))
        }
    }

    private mutating func domainStep() {
        let session = "/v1/sessions/\(any(["s", "t"]))"
        let domain = any(["d", "e"])
        let device = #"{"platform":"\#(any(["a", "b", "c"]))","device":"\#(Self.device)"}"#
        switch random.next() % 6 {
        case 0: ask(.delete, "\(session)/domains/\(domain)")
        case 1: ask(.post, "\(session)/domains/\(domain)/devices", device, key: any([nil, "k3"]))
        case 2: ask(.delete, "\(session)/domains/\(domain)/devices/\(Self.device)")
        case 3:
            ask(
                .post, "\(session)/domains",
                #"{"id":"\#(domain)","consumer":"\#(any(["dma_api", "vfio_type1"]))","devices":[\#(device)]}"#
            )
        default:
            ask(
                .post, "\(session)/domains",
                #"{"id":"\#(domain)","consumer":"dma_api","aperture":{"start":"0x0","last":"0x\#(any(["3ffff", "ffffffff"]))"}}"#,
                key: any([nil, "k4"]))
        }
    }

    private mutating func verbStep() {
        let domain = "/v1/sessions/\(any(["s", "s", "t"]))/domains/\(any(["d", "d", "e"]))"
        let size = any(["0x1000", "0x4000", "0x20000"])
        switch random.next() % 8 {
        case 0:
            let held = world.mirror.get(domain + "/iovas").list("items")
            guard let range = held.first?["range"] as? [String: Any], let start = range["start"] as? String
            else { return }
            ask(.delete, "\(domain)/iovas/\(start)")
        case 1: ask(.post, domain + "/reserved-regions", #"{"start":"0x2000","size":"0x1000"}"#)
        case 2: ask(.post, domain + "/doorbells", #"{"physical":"0x\#(any(["8020040", "8030040"]))"}"#)
        case 3:
            ask(
                .post, domain + "/batches",
                #"{"operations":[{"op":"allocate","size":"\#(size)"},{"op":"allocate","size":"0x1000"}]}"#)
        case 4: ask(.get, domain + "/available-iovas?size=\(size)")
        default: ask(.post, domain + "/iovas", #"{"size":"\#(size)"}"#, key: any([nil, nil, "k5", "k6"]))
        }
    }

    private mutating func platformStep() {
        let id = any(["a", "b", "c"])
        switch random.next() % 8 {
        case 0: ask(.delete, "/v1/platforms/\(id)")
        case 1: ask(.patch, "/v1/platforms/\(id)", #"{"id":"\#(any(["a", "b", "c"]))"}"#)
        case 2, 3: ask(.put, "/v1/platforms/\(id)/labels", any(["{}", #"{"pool":"x"}"#]))
        case 4:
            ask(.put, "/v1/platforms/\(id)?ttl_seconds=\(any([20, 60]))", AgreementFixture.plain)
        default:
            ask(
                .put, "/v1/platforms/\(id)",
                any([AgreementFixture.plain, AgreementFixture.plain, AgreementFixture.reserving]))
        }
    }

    private mutating func agreementStep() {
        let id = any(["v", "w"])
        switch random.next() % 8 {
        case 0: ask(.delete, "/v1/agreements/\(id)")
        case 1, 2:
            ask(.patch, "/v1/agreements/\(id)", #"{"state":"\#(any(["accepted", "released"]))"}"#)
        case 3: ask(.patch, "/v1/agreements/\(id)", #"{"ttl_seconds":\#(any([50, 3_600]))}"#)
        case 4:
            ask(
                .post, "/v1/agreements/\(id)/hosts",
                #"{"host":\#(AgreementFixture.host(any(["a", "b", "c"])))}"#, key: any([nil, "k7"]))
        default:
            let hosts =
                random.next() % 3 == 0
                ? #""pool":"x""# : #""hosts":[\#(AgreementFixture.host(any(["a", "b", "c"])))]"#
            ask(
                .post, "/v1/agreements", #"{"id":"\#(id)",\#(hosts),\#(AgreementFixture.vm)}"#,
                key: any([nil, "k8"]))
        }
    }

    // MARK: Comparing

    private mutating func ask(
        _ method: HTTP.Method, _ target: String, _ body: String? = nil, key: String? = nil
    ) {
        let client = any(world.clients)
        let headers = key.map { [HeaderFields.Field("Idempotency-Key", $0)] } ?? []
        let answers = [world.mirror, client].map {
            $0.ask(
                method, target, Array((body ?? "").utf8), type: body == nil ? nil : MediaType.json,
                headers: headers)
        }
        let (wanted, given) = (answers[0], answers[1])
        counts[wanted.status < 300 ? "changed" : "refused", default: 0] += 1
        hold(Self.text(wanted), Self.text(given), "\(method.name) \(target) \(body ?? "")")
    }

    private mutating func hold(_ wanted: String, _ given: String, _ what: String) {
        guard wanted != given, fault == nil else { return }
        fault = "\(what.prefix(400)): \(given.prefix(900)) where \(wanted.prefix(900)) was to come"
    }

    /// Status, tag, place and body, without the number of the request.
    private static func text(_ answer: ServiceClient.Answer) -> String {
        let fields = ["ETag", "Location"].map { answer.response.headers[$0] ?? "-" }.joined(separator: " ")
        let whole = answer.response.stream == nil ? answer : answer.drained().answer
        // Ids that expired are remembered by a process only.
        if answer.status == 404 { return "404" }
        let body = whole.text.replacing(#/"instance":"[^"]*"/#, with: "")
        return "\(answer.status) \(fields) \(body)"
    }

    private mutating func compare() {
        var targets = ["/v1/platforms?limit=1000", "/v1/sessions", "/v1/agreements"]
        for id in ["s", "t", "u"] {
            targets += ["", "/state", "/events?limit=1000"].map { "/v1/sessions/\(id)\($0)" }
        }
        for id in ["v", "w"] { targets += ["", "/events?limit=1000"].map { "/v1/agreements/\(id)\($0)" } }
        for client in world.clients {
            for target in targets {
                hold(
                    Self.text(world.mirror.get(target)), Self.text(client.get(target)), "GET \(target)")
            }
        }
        counts["snapshots", default: 0] += 1
    }
}
