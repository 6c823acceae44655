// A server with a small responder for the tests, on TCP or on a unix socket.

import Glibc
import HTTP
import Locking
import TestSupport

@testable import MicroHTTP

/// The path of a socket that no other test uses.
func freshSocketPath() -> String {
    "/tmp/iovad-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).sock"
}

/// Finished exchanges. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class Tally: @unchecked Sendable {
    private let lock = Lock()
    private var list: [CompletedExchange] = []
    func add(_ exchange: CompletedExchange) { lock.withLock { list.append(exchange) } }
    var all: [CompletedExchange] { lock.withLock { list } }
}

enum Transport: CaseIterable, Sendable { case tcp, unix }

struct TestServer {
    static let bodyLimitBytes = 6 << 20
    let daemon: Daemon
    let endpoint: RawClient.Endpoint
    let tally = Tally()

    init(
        _ transport: Transport = .tcp, responder: Responder = testResponder, lane: HeavyLane = HeavyLane(),
        budget: FlightBudget = FlightBudget(), tls: TLSIdentity? = nil,
        _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws {
        var limits = ServerLimits()
        limits.threadCount = 2
        limits.deadlineTickMilliseconds = 50
        change(&limits)
        let listener: ListenSocket
        switch transport {
        case .tcp:
            listener = try .tcp(host: "127.0.0.1", port: 0)
            endpoint = .tcp(listener.port!)
        case .unix:
            let path = freshSocketPath()
            listener = try .unix(path: path)
            endpoint = .unix(path)
        }
        let tally = tally
        daemon = try Daemon(
            listener: listener, responder: responder, limits: limits, lane: lane, budget: budget, tls: tls,
            onCompletion: { tally.add($0) })
    }

    func client() throws -> RawClient { try RawClient(endpoint) }

    /// Waits until no request is in flight; false after five seconds, which is a leak.
    func settles() -> Bool {
        for _ in 0..<500 {
            if daemon.requestsInFlight == 0 { return true }
            usleep(10_000)
        }
        return false
    }
}

/// Texts. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class Seen: @unchecked Sendable {
    private let lock = Lock()
    private var texts: Set<String> = []
    func add(_ text: String) { _ = lock.withLock { texts.insert(text) } }
    func contains(_ text: String) -> Bool { lock.withLock { texts.contains(text) } }
}

/// Targets whose slow handler has begun.
let slowTargets = Seen()

/// Answers targets that begin with `/stream` by `answer`, others like `testResponder`.
func streaming(_ answer: @escaping @Sendable (String) -> Response) -> Responder {
    Responder(
        admit: { head in
            let target = String(decoding: head.rawTarget, as: UTF8.self)
            guard target.hasPrefix("/stream") else { return testResponder.admit(head) }
            return .read(bodyLimitBytes: TestServer.bodyLimitBytes) { _, _ in answer(target) }
        }, refuse: testResponder.refuse)
}

/// `/echo` gives the body back, `/slow` takes 300 ms, `/refused` is refused on the head with 404, `/small`
/// admits 10 bytes, `/status/N` answers N, anything else its method and raw target.
let testResponder = Responder(
    admit: { head in
        let target = String(decoding: head.rawTarget, as: UTF8.self)
        if target == "/refused" { return .refuse(Response(status: 404, body: Array("refused".utf8))) }
        return .read(bodyLimitBytes: target == "/small" ? 10 : TestServer.bodyLimitBytes) { body, _ in
            testAnswer(target, head.method, body)
        }
    },
    refuse: { refusal, _ in
        let status =
            switch refusal {
            case .ambiguousFraming: 400
            case .headTooLarge: 431
            case .bodyTooLarge: 413
            case .tooSlow: 408
            case .shuttingDown, .busy, .noRoom: 503
            }
        return Response(status: status, body: Array("\(refusal)".utf8))
    })

private func testAnswer(_ target: String, _ method: Method, _ body: [UInt8]) -> Response {
    let headers = HeaderFields([.init("Content-Type", "text/plain"), .init("X-Bad", "a\r\nInjected: b")])
    if target == "/echo" {
        var response = Response(status: 200, headers: headers, body: body)
        response.operation = "echo"
        return response
    }
    if target.hasPrefix("/slow") {
        slowTargets.add(target)
        usleep(300_000)
    }
    if target.hasPrefix("/status/"), let status = Int(target.dropFirst(8)) {
        return Response(status: status, headers: headers, body: [65])
    }
    let text = "\(method.name) \(target)"
    return Response(status: 200, headers: headers, body: Array(text.utf8))
}
