// One request as libmicrohttpd's callbacks see it while it is under way, and what the access log and the
// metrics learn about it at its end. An Exchange is made in the URI-log callback and released exactly once,
// in the completion callback; it decides nothing (PendingRequest does).

import CMicroHTTPD
public import HTTP

/// One request as the callbacks see it: the state machine with what belongs to its connection. Used by one
/// server thread at a time. A subclass, since another object would have to be made and freed for each
/// request.
final class Exchange: PendingRequest {
    let connection: ConnectionRecord?
    /// Where the target lay in libmicrohttpd's buffer, before it was decoded there. Addresses to compare,
    /// never to read.
    let target: Range<UInt>
    var status: Int?
    /// The answer's X-Request-ID, for the log.
    var requestID: String?
    var operation: String?
    var bytesOut = 0
    /// When an answer that the kernel takes in one piece was ready; nil for others.
    private(set) var readyMicroseconds: Int64?
    /// The answer, when it is one that is kept ready.
    var ready: ReadyAnswer?
    /// The body, when it is a stream.
    var stream: StreamBody?
    /// The answer, when it comes from the heavy lane.
    var deferred: DeferredAnswer?

    /// The target has more items than libmicrohttpd could keep.
    var isHeadTooLarge = false

    init(
        rawTarget: [UInt8], at target: Range<UInt>, on connection: ConnectionRecord?, of core: ServerCore,
        startedMicroseconds: Int64
    ) {
        self.target = target
        self.connection = connection
        super.init(
            rawTarget: rawTarget, peer: connection?.peer ?? "unknown", client: connection?.client,
            responder: core.responder, limits: core.limits, startedMicroseconds: startedMicroseconds,
            budget: core.budget)
    }

    /// Answers past libmicrohttpd, and ends the connection.
    func answerDirectly(_ response: Response, on connection: OpaquePointer) {
        DirectAnswer.send(response, isHead: head.method == .head, on: connection)
        answered(response)
    }

    /// Keeps what the completion callback reports of the answer.
    func answered(_ response: Response) {
        status = response.status
        requestID = response.requestID ?? response.headers[FixedAnswer.idField]
        operation = response.operation
        bytesOut = response.body.count
    }

    /// Up to so many bytes of body an answer goes out in one call or two: the kernel has room for it.
    private static let inOnePieceBytesMax = 64 << 10

    /// libmicrohttpd has the answer. What follows for a small one is one call into the kernel, in which the
    /// client may have its bytes and take this thread's processor: no time of the request's.
    func noteReady(_ response: Response, now: Int64) {
        if response.stream == nil, response.body.count <= Self.inOnePieceBytesMax { readyMicroseconds = now }
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> Exchange? {
        pointer.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// One finished request.
public struct CompletedExchange: Sendable {
    public var head: RequestHead
    /// The status that was queued; nil when the connection ended before there was an answer.
    public var status: Int?
    /// The answer's X-Request-ID; nil when it had none.
    public var requestID: String?
    /// The answer's `operation`; nil when there was no answer, too.
    public var operation: String?
    /// Body bytes received.
    public var bytesIn: Int
    /// Body bytes of the answer (also counted for HEAD, where they are not sent).
    public var bytesOut: Int
    /// From the request line to the end of the answer; of a small one, until it is ready to be sent.
    public var microseconds: Int64
    /// Whether the whole answer was handed to the kernel.
    public var isComplete: Bool
}
