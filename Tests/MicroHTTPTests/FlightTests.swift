// Memory in flight over real sockets: bodies that stall and answers that nobody reads take no more than the
// budget, who finds no room is told so, and everything is given back.

import Glibc
import HTTP
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct FlightTests {
    private static let bodyBytes = 1 << 20
    private static let answerBytes = 2 << 20

    private static func budget(_ bytes: Int) -> FlightBudget {
        var bounds = FlightBudget.Bounds()
        (bounds.bytesMax, bounds.bytesPerClientMax) = (bytes, bytes)
        return FlightBudget(bounds)
    }

    private func waitUntil(_ condition: () -> Bool) {
        for _ in 0..<4_000 where !condition() { usleep(2_500) }
        #expect(condition())
    }

    /// Every one sends its head and a byte; three have room.
    @Test(arguments: Transport.allCases)
    func stalledBodies(transport: Transport) throws {
        let budget = Self.budget(3 * Self.bodyBytes)
        let server = try TestServer(transport, budget: budget)
        let head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(Self.bodyBytes)\r\n\r\nx"
        var stalled = try (0..<3).map { _ in
            let client = try server.client()
            try client.send(head)
            return client
        }
        waitUntil { budget.gauges.bodyBytes == 3 * Self.bodyBytes }
        for _ in 0..<20 {
            let client = try server.client()
            try client.send(head)
            let answer = try #require(try client.read())
            #expect(answer.status == 503 && answer.text == "noRoom(retryAfterSeconds: 1)")
        }
        // What is light goes on.
        let light = try server.client()
        try light.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
        #expect(try light.read()?.text == "hi")
        #expect(budget.gauges.peakBytes == 3 * Self.bodyBytes && budget.gauges.refusedBodies == 20)
        let last = stalled.removeLast()
        stalled = []
        waitUntil { budget.gauges.bodyBytes == Self.bodyBytes }
        try last.send([UInt8](repeating: 65, count: Self.bodyBytes - 1))
        #expect(try last.read()?.body.count == Self.bodyBytes)
        waitUntil { budget.gauges.bodyBytes == 0 && budget.gauges.answerBytes == 0 }
        #expect(server.settles())
    }

    /// Whole answers, and streams that hold as much: nobody reads, two have room.
    @Test(arguments: [false, true])
    func unreadAnswers(areStreams: Bool) throws {
        let budget = Self.budget(2 * Self.answerBytes)
        let lane = HeavyLane()
        let responder = Responder(
            admit: { _ in
                .read(bodyLimitBytes: 0, lane: .heavy) { _, _ in
                    guard areStreams else {
                        return Response(status: 200, body: [UInt8](repeating: 65, count: Self.answerBytes))
                    }
                    let piece = StreamPiece.bytes([UInt8](repeating: 65, count: StreamPiece.bytesMax))
                    return Response(
                        status: 200,
                        stream: ScriptedSource(filler: piece, endsByItself: true, bytesHeld: Self.answerBytes)
                    )
                }
            }, refuse: testResponder.refuse)
        let server = try TestServer(responder: responder, lane: lane, budget: budget)
        var clients = try (0..<40).map { _ in
            let client = try RawClient(server.endpoint, receiveBufferBytes: 4_096)
            try client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
            return client
        }
        waitUntil { budget.gauges.refusedAnswers == 38 }
        #expect(budget.gauges.answerBytes == 2 * Self.answerBytes)
        #expect(budget.gauges.peakBytes == 2 * Self.answerBytes && clients.count == 40)
        clients = []
        waitUntil { budget.gauges.answerBytes == 0 }
        #expect(server.settles())
    }
}
