// What the access log and the metrics learn about one finished request. A value; nothing is computed when
// nobody listens.

public import HTTP

/// One finished request.
public struct CompletedExchange: Sendable {
    public var head: RequestHead
    /// The status that was queued; nil when the connection ended before there was an answer.
    public var status: Int?
    /// The answer's X-Request-ID; nil when it had none.
    public var requestID: String?
    /// Body bytes received.
    public var bytesIn: Int
    /// Body bytes of the answer (also counted for HEAD, where they are not sent).
    public var bytesOut: Int
    /// From the request line to the end of the answer.
    public var microseconds: Int64
    /// Whether the whole answer was handed to the kernel.
    public var isComplete: Bool
}
