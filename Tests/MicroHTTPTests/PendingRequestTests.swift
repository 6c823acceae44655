// The request state machine without a socket.

import HTTP
import Locking
import Testing

@testable import MicroHTTP

struct PendingRequestTests {
    private func pending(
        _ target: String, _ limits: ServerLimits = ServerLimits(), budget: FlightBudget = FlightBudget(),
        responder: Responder = testResponder
    ) -> PendingRequest {
        PendingRequest(
            rawTarget: Array(target.utf8), peer: "test", responder: responder, limits: limits,
            startedMicroseconds: 0, budget: budget)
    }

    private func begin(
        _ request: PendingRequest, _ fields: [(String, String)] = [], version: String = "HTTP/1.1",
        isShuttingDown: Bool = false
    ) -> String {
        let headers = HeaderFields([.init("Host", "h")] + fields.map { .init($0.0, $0.1) })
        return text(
            request.begin(
                method: .post, version: version, headers: headers, isShuttingDown: isShuttingDown))
    }

    private func receive(_ request: PendingRequest, _ count: Int) -> String {
        [UInt8](repeating: 65, count: count).withUnsafeBytes { text(request.receive($0)) }
    }

    private func text(_ action: PendingRequest.Action) -> String {
        switch action {
        case .proceed: "proceed"
        case .abandon: "abandon"
        case .compute(let body, _, _): "compute \(body.count)"
        case .answerDirectly(let response): "\(response.status) directly"
        case .answer(let response, let closing): "\(response.status)\(closing ? " close" : "")"
        }
    }

    @Test func wholeBody() {
        let request = pending("/echo")
        #expect(begin(request, [("Content-Length", "4")]) == "proceed")
        #expect(receive(request, 3) == "proceed")
        #expect(receive(request, 1) == "proceed")
        #expect(text(request.finish(isShuttingDown: false)) == "200")
        #expect(text(request.finish(isShuttingDown: false)) == "proceed")
    }

    /// What is heavy is computed elsewhere, once, and answered when it comes back.
    @Test(arguments: [(0, "light"), (2, "light"), (3, "heavy"), (4, "heavy")])
    func bodiesChooseTheLane(count: Int, lane: String) {
        let responder = Responder(
            admit: { _ in
                .read(bodyLimitBytes: 4, lane: .byBody(lightBytesMax: 2)) { body, _ in
                    Response(status: 200, body: body)
                }
            },
            refuse: { _, _ in Response(status: 500) })
        for response in [Response(status: 201), nil] {
            let request = PendingRequest(
                rawTarget: [], peer: "test", responder: responder, limits: ServerLimits(),
                startedMicroseconds: 0)
            #expect(begin(request, [("Content-Length", "\(count)")]) == "proceed")
            if count > 0 { #expect(receive(request, count) == "proceed") }
            let first = text(request.finish(isShuttingDown: false))
            guard lane == "heavy" else {
                #expect(first == "200")
                continue
            }
            #expect(first == "compute \(count)")
            #expect(text(request.finish(isShuttingDown: false)) == "proceed")
            let last = text(request.computed(response, isShuttingDown: true))
            #expect(last == (response == nil ? "abandon" : "201 close"))
        }
    }

    /// Admission is asked once, and what it found out answers.
    @Test func admissionAnswers() {
        let heads = Locked(0)
        let responder = Responder(
            admit: { _ in
                heads.withLock { $0 += 1 }
                return .read(bodyLimitBytes: 4) { body, _ in
                    Response(status: 200 + heads.withLock { $0 }, body: body)
                }
            }, refuse: testResponder.refuse)
        let request = PendingRequest(
            rawTarget: [0x2f], peer: "test", responder: responder, limits: ServerLimits(),
            startedMicroseconds: 0)
        #expect(begin(request, [("Content-Length", "2")]) == "proceed")
        #expect(receive(request, 2) == "proceed")
        #expect(text(request.finish(isShuttingDown: false)) == "201")
        #expect(heads.withLock { $0 } == 1)
    }

    @Test func declaredTooLarge() {
        #expect(begin(pending("/small"), [("Content-Length", "10")]) == "proceed")
        #expect(begin(pending("/small"), [("Content-Length", "11")]) == "413 close")
        #expect(begin(pending("/small"), [("Content-Length", "18446744073709551615")]) == "413 close")
        #expect(begin(pending("/small"), [("Content-Length", "18446744073709551616")]) == "400 close")
    }

    @Test func chunkedOverrunIsDroppedThenAnswered() {
        var limits = ServerLimits()
        limits.maximumDrainedBytes = 100
        let request = pending("/small", limits)
        #expect(begin(request, [("Transfer-Encoding", "chunked")]) == "proceed")
        #expect(receive(request, 10) == "proceed")
        #expect(request.storedByteCount == 10)
        #expect(receive(request, 1) == "proceed")
        #expect(request.storedByteCount == 0)
        #expect(receive(request, 99) == "proceed")
        #expect(text(request.finish(isShuttingDown: false)) == "413 close")
        let endless = pending("/small", limits)
        #expect(begin(endless, [("Transfer-Encoding", "chunked")]) == "proceed")
        #expect(receive(endless, 100) == "proceed")
        #expect(receive(endless, 1) == "abandon")
    }

    private func budget(_ bytes: Int) -> FlightBudget {
        var bounds = FlightBudget.Bounds()
        (bounds.bytesMax, bounds.bytesPerClientMax, bounds.lightBytesMax) = (bytes, bytes, 4)
        return FlightBudget(bounds)
    }

    /// A body that says its size needs all of its room at once, whatever has come of it.
    @Test func declaredBodiesNeedRoom() {
        let budget = budget(10)
        let first = pending("/echo", budget: budget)
        #expect(begin(first, [("Content-Length", "6")]) == "proceed")
        #expect(budget.gauges.bodyBytes == 6)
        #expect(begin(pending("/echo", budget: budget), [("Content-Length", "5")]) == "503 close")
        let light = pending("/echo", budget: budget)
        #expect(begin(light, [("Content-Length", "4")]) == "proceed")
        #expect(receive(first, 6) == "proceed" && text(first.finish(isShuttingDown: false)) == "200")
        #expect(budget.gauges.bodyBytes == 0 && budget.gauges.answerBytes == 6)
        first.hold.release()
        #expect(begin(pending("/echo", budget: budget), [("Content-Length", "10")]) == "proceed")
    }

    /// One that does not gets room as it grows; without, its rest is dropped and its client told.
    @Test func growingBodiesNeedRoom() {
        let budget = budget(16)
        let request = pending("/echo", budget: budget)
        #expect(begin(request, [("Transfer-Encoding", "chunked")]) == "proceed")
        #expect(receive(request, 4) == "proceed" && budget.gauges.bodyBytes == 0)
        #expect(receive(request, 4) == "proceed" && budget.gauges.bodyBytes == 16)
        #expect(receive(request, 8) == "proceed" && request.storedByteCount == 16)
        #expect(receive(request, 1) == "proceed" && request.storedByteCount == 0)
        #expect(budget.gauges.bodyBytes == 0 && budget.gauges.refusedBodies == 1)
        #expect(receive(request, 100) == "proceed")
        // A connection ends with each chunked body.
        #expect(text(request.finish(isShuttingDown: false)) == "503 close")
    }

    /// An answer that finds no room gives way to a 503, unless its client must know what was changed.
    @Test(arguments: [false, true])
    func answersNeedRoom(isOwed: Bool) {
        let budget = budget(10)
        let responder = Responder(
            admit: { _ in
                .read(bodyLimitBytes: 0) { _, _ in
                    var response = Response(status: 200, body: [UInt8](repeating: 65, count: 8))
                    response.isOwed = isOwed
                    return response
                }
            }, refuse: testResponder.refuse)
        var seen: [String] = []
        var requests: [PendingRequest] = []
        for _ in 0..<3 {
            requests.append(pending("/x", budget: budget, responder: responder))
            #expect(begin(requests.last!) == "proceed")
            seen.append(text(requests.last!.finish(isShuttingDown: false)))
        }
        #expect(seen == (isOwed ? ["200", "200", "200"] : ["200", "503", "503"]))
        #expect(budget.gauges.answerBytes == (isOwed ? 24 : 8))
        requests = []
        #expect(budget.gauges.answerBytes == 0)
    }

    @Test func refusalOnTheHead() {
        let bare = pending("/refused")
        #expect(begin(bare) == "proceed")
        #expect(text(bare.finish(isShuttingDown: false)) == "404")
        #expect(begin(pending("/refused"), [("Content-Length", "1")]) == "404 close")
    }

    @Test func shuttingDown() {
        #expect(begin(pending("/echo"), isShuttingDown: true) == "503 close")
    }

    @Test(arguments: [
        [("Host", "h")], [("Content-Length", "1"), ("Transfer-Encoding", "chunked")],
        [("Content-Length", "1"), ("Content-Length", "1")],
        [("content-length", "1"), ("Content-Length", "2")],
        [("Content-Length", "+1")], [("Content-Length", "-1")], [("Content-Length", "")],
        [("Content-Length", "1, 1")], [("Transfer-Encoding", "gzip")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], [("Content-Length ", "1")],
    ])
    func ambiguousFraming(fields: [(String, String)]) {
        #expect(begin(pending("/echo"), fields) == "400 close")
    }

    @Test func hostIsOptionalBefore11() {
        let fields = HeaderFields()
        #expect(FramingCheck.judge(fields, version: "HTTP/1.0") == .fine(.none))
        #expect(FramingCheck.judge(fields, version: "HTTP/1.1") == .ambiguous("no Host field"))
    }
}
