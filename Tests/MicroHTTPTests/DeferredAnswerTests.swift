// Answers from the heavy lane over real sockets: what is light does not wait, who leaves is not computed for,
// who finds no room is told when to come back, and a stopping server lets go of every connection.

import Glibc
import Locking
import TestSupport
import Testing

@testable import HTTP
@testable import MicroHTTP

@Suite(.serialized) struct DeferredAnswerTests {
    /// `/heavy` waits for the gate on the lane, unless it is cancelled; `/gone` the same, and deaf to that.
    private struct Scene {
        let gate = Gate()
        let lane: HeavyLane
        let server: TestServer
        let cancelled = Counter()

        init(
            _ transport: Transport = .tcp, _ bounds: HeavyLane.Bounds = HeavyLane.Bounds(),
            _ change: (inout ServerLimits) -> Void = { _ in }
        ) throws {
            lane = HeavyLane(bounds)
            let (gate, cancelled) = (gate, cancelled)
            let responder = Responder(
                admit: { head in
                    let target = String(decoding: head.rawTarget, as: UTF8.self)
                    guard target == "/heavy" else { return testResponder.admit(head) }
                    return .read(bodyLimitBytes: 1 << 20, lane: .heavy) { body, work in
                        gate.pass { work.isCancelled }
                        if work.isCancelled { cancelled.add() }
                        return Response(status: 200, body: body)
                    }
                }, refuse: testResponder.refuse)
            server = try TestServer(transport, responder: responder, lane: lane) {
                $0.halfClosedGraceMilliseconds = 300
                change(&$0)
            }
        }

        func post(_ body: String = "x") throws -> RawClient {
            let client = try server.client()
            try client.send(
                "POST /heavy HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            return client
        }
    }

    private static func bounds(threads: Int = 1, requests: Int = 1_024) -> HeavyLane.Bounds {
        var bounds = HeavyLane.Bounds()
        (bounds.threadCount, bounds.requestsMax) = (threads, requests)
        return bounds
    }

    /// A client that has said all, beside others that are silent, waits for its answer as everybody does.
    @Test(arguments: Transport.allCases) func halfClosedClientsGetTheirs(transport: Transport) throws {
        let scene = try Scene(transport)
        scene.gate.open()
        let idle = try (0..<8).map { _ in try scene.server.client() }
        for client in idle {
            try client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.read()?.status == 200)
        }
        for round in 0..<100 {
            let client = try scene.post("body \(round)")
            client.endSending()
            #expect(try client.read()?.text == "body \(round)")
            #expect(try client.readToEnd() == "")
        }
        #expect(scene.server.settles())
    }

    /// libmicrohttpd loses a request with more items than it has memory for, where the connection was
    /// suspended before.
    @Test func manyItemsAfterASuspension() throws {
        let scene = try Scene()
        scene.gate.open()
        let first = "POST /heavy HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
        let items = String(repeating: "a&", count: 150)
        for _ in 0..<20 {
            let client = try scene.server.client()
            try client.send("\(first)GET /?\(items) HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.read()?.status == 200)
            #expect(try client.read()?.status == 431)
            #expect(try client.readToEnd() == "")
        }
        #expect(scene.server.settles())
        #expect(scene.server.tally.all.filter { $0.status == 431 }.count == 20)
        #expect(scene.server.daemon.drain(graceSeconds: 1))
    }

    private func waitUntil(_ condition: () -> Bool) {
        for _ in 0..<4_000 where !condition() { usleep(2_500) }
        #expect(condition())
    }

    /// With one thread for everybody's connections and one for what is heavy.
    @Test(arguments: Transport.allCases)
    func whatIsLightDoesNotWait(transport: Transport) throws {
        let scene = try Scene(transport, Self.bounds()) { $0.threadCount = 1 }
        let heavy = try (0..<5).map { try scene.post("body \($0)") }
        scene.gate.wait(for: 1)
        let light = try scene.server.client()
        for _ in 0..<20 {
            try light.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try light.read()?.text == "GET /x")
        }
        waitUntil { scene.lane.gauges.waiting == 4 }
        scene.gate.open()
        for (number, client) in heavy.enumerated() {
            #expect(try client.read()?.text == "body \(number)")
            // The connection goes on.
            try client.send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.read()?.text == "GET /again")
        }
        #expect(scene.server.settles())
    }

    @Test func pipelinedAnswersKeepTheirOrder() throws {
        let scene = try Scene()
        let client = try scene.server.client()
        try client.send(
            "POST /heavy HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nz"
                + "GET /after HTTP/1.1\r\nHost: h\r\n\r\n")
        scene.gate.wait(for: 1)
        scene.gate.open()
        #expect(try client.read()?.text == "z")
        #expect(try client.read()?.text == "GET /after")
    }

    @Test func whoFindsNoRoomIsToldSo() throws {
        let scene = try Scene(.tcp, Self.bounds(requests: 2))
        let running = try scene.post("running")
        scene.gate.wait(for: 1)
        let waiting = try (0..<2).map { _ in try scene.post() }
        waitUntil { scene.lane.gauges.waiting == 2 }
        let refused = try scene.post()
        let answer = try #require(try refused.read())
        #expect(answer.status == 503 && answer.text == "busy(retryAfterSeconds: 1)")
        #expect(scene.lane.gauges.refused == 1)
        scene.gate.open()
        for client in [running] + waiting { #expect(try client.read()?.status == 200) }
        // A refused client may come back on the same connection.
        try refused.send("POST /heavy HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")
        #expect(try refused.read()?.text == "ok")
        #expect(scene.server.settles())
    }

    /// One that computes and one that waits, both left by their clients.
    @Test(arguments: Transport.allCases)
    func nothingIsComputedForWhoHasLeft(transport: Transport) throws {
        let scene = try Scene(transport, Self.bounds())
        var clients = try [scene.post()]
        scene.gate.wait(for: 1)
        clients.append(try scene.post())
        waitUntil { scene.lane.gauges.waiting == 1 }
        clients = []
        waitUntil { scene.lane.gauges == HeavyLane.Gauges(cancelled: 2) && scene.cancelled.count == 1 }
        #expect(scene.server.settles())
        waitUntil { scene.server.daemon.connectionCount == 0 }
        // Nobody was told 200.
        #expect(scene.server.tally.all.allSatisfy { $0.status == nil && !$0.isComplete })
    }

    /// To end sending is not to leave, for a while.
    @Test func aClientThatOnlyStoppedSendingGetsItsAnswer() throws {
        let scene = try Scene(.tcp, Self.bounds()) { $0.halfClosedGraceMilliseconds = 60_000 }
        let client = try scene.post("half")
        scene.gate.wait(for: 1)
        client.endSending()
        usleep(200_000)
        #expect(scene.cancelled.count == 0)
        scene.gate.open()
        #expect(try client.read()?.text == "half")
    }

    @Test func drainWaitsForWhatIsHeavy() throws {
        let scene = try Scene(.tcp, Self.bounds())
        let clients = try (0..<3).map { _ in try scene.post() }
        scene.gate.wait(for: 1)
        waitUntil { scene.lane.gauges.waiting == 2 }
        let (daemon, gate, clean) = (scene.server.daemon, scene.gate, Counter())
        inParallel(2) { number in
            if number == 0 {
                if daemon.drain(graceSeconds: 10) { clean.add() }
            } else {
                while !daemon.core.connections.isDraining { usleep(1_000) }
                gate.open()
            }
        }
        #expect(clean.count == 1)
        for client in clients {
            let answer = try #require(try client.read())
            #expect(answer.status == 200 && answer.header("connection")?.lowercased() == "close")
        }
    }

    @Test func aGraceThatIsOverLetsGo() throws {
        let scene = try Scene(.tcp, Self.bounds(threads: 2))
        let clients = try (0..<5).map { _ in try scene.post() }
        scene.gate.wait(for: 2)
        waitUntil { scene.lane.gauges.waiting == 3 }
        #expect(!scene.server.daemon.drain(graceSeconds: 0.05))
        #expect(scene.cancelled.count == 2)
        for client in clients { #expect(try client.readToEnd() == "") }
        #expect(scene.server.daemon.requestsInFlight == 0)
    }

    /// Of those that were answered, refused and left by their clients.
    @Test func nothingIsKeptOfRequestsThatEnded() throws {
        final class Token: Sendable {
            let freed: Counter
            init(_ freed: Counter) { self.freed = freed }
            deinit { freed.add() }
        }
        let freed = Counter()
        let made = Counter()
        let responder = Responder(
            admit: { _ in
                let token = Token(freed)
                made.add()
                return .read(bodyLimitBytes: 100, lane: .heavy) { body, _ in
                    withExtendedLifetime(token) { Response(status: 200, body: body) }
                }
            }, refuse: testResponder.refuse)
        let server = try TestServer(responder: responder, lane: HeavyLane(Self.bounds(requests: 2)))
        inParallel(4) { number in
            for round in 0..<50 {
                guard let client = try? server.client() else { return }
                try? client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
                if (number + round) % 4 > 0 { _ = try? client.read() }
            }
        }
        #expect(server.settles())
        waitUntil { made.count > 0 && freed.count == made.count }
    }

    /// Many clients at once, some of whom leave: everybody else gets what belongs to them.
    @Test func everybodyGetsTheirOwnAnswer() throws {
        let scene = try Scene(.tcp, Self.bounds(threads: 3))
        scene.gate.open()
        let server = scene.server
        let right = Counter()
        inParallel(8) { number in
            for round in 0..<60 {
                let body = "\(number)-\(round)-" + String(repeating: "x", count: round * 97)
                guard let client = try? server.client() else { return }
                let head = "POST /heavy HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                guard (try? client.send(head + body)) != nil else { return }
                if (number + round) % 5 == 0 { continue }
                if (try? client.read())?.text == body { right.add() }
            }
        }
        #expect(right.count == 8 * 60 * 4 / 5)
        #expect(server.settles())
        waitUntil { scene.lane.gauges.running == 0 && scene.lane.gauges.waiting == 0 }
    }
}
