// The one seam between whoever speaks HTTP and whoever answers: two questions, both synchronous.

/// Answers requests. Called on any of the server's threads, several at a time.
public struct Responder: Sendable {
    /// What to do with a request of which only the head has come.
    public enum Admission: Sendable {
        /// Read the body, at most this many bytes (413 beyond), then ask `respond`.
        case read(bodyLimitBytes: Int)
        /// Answer at once and do not read the body.
        case refuse(Response)
    }

    /// Asked when the head is complete, before a byte of the body is read.
    public var admit: @Sendable (RequestHead) -> Admission
    /// Asked when the body is complete.
    public var respond: @Sendable (Request) -> Response
    /// Renders the server's own refusals (bad framing, body over the limit, no time left).
    public var refuse: @Sendable (Refusal, RequestHead) -> Response

    /// Why the server itself answers.
    public enum Refusal: Sendable, Hashable {
        /// Content-Length with Transfer-Encoding, several Content-Lengths, several Hosts: 400.
        case ambiguousFraming(String)
        /// The body is over the limit that `admit` gave: 413.
        case bodyTooLarge(limitBytes: Int)
        /// The request took longer than the whole-request deadline: 408.
        case tooSlow(seconds: Int)
        /// The server is draining: 503.
        case shuttingDown
    }

    public init(
        admit: @escaping @Sendable (RequestHead) -> Admission,
        respond: @escaping @Sendable (Request) -> Response,
        refuse: @escaping @Sendable (Refusal, RequestHead) -> Response
    ) {
        self.admit = admit
        self.respond = respond
        self.refuse = refuse
    }
}
