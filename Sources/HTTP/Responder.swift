// The one seam between whoever speaks HTTP and whoever answers. A request arrives in two steps, head and
// body, and each is asked about once: the second step gets what the first found out.

/// Answers requests. Called on any of the server's threads, several at a time.
public struct Responder: Sendable {
    /// Answers the request that was admitted, given its body. It carries what admission found out, so that
    /// nothing is looked at twice; called at most once. What takes long asks the work, now and then, whether
    /// anybody still waits.
    public typealias Answer = @Sendable (_ body: [UInt8], _ work: Work) -> Response

    /// Where an answer is computed.
    public enum Lane: Hashable, Sendable {
        /// On the thread that serves the connection: what takes some hundred microseconds at most.
        case light
        /// On the lane of its own, whatever the body is.
        case heavy
        /// Heavy when the body has more bytes than these.
        case byBody(lightBytesMax: Int)
        /// On a lane whose threads may wait: for a store, or for whoever else has what is asked about.
        case waiting

        public func isHeavy(bodyBytes: Int) -> Bool {
            switch self {
            case .light: false
            case .heavy, .waiting: true
            case .byBody(let most): bodyBytes > most
            }
        }
    }

    /// What to do with a request of which only the head has arrived.
    public enum Admission: Sendable {
        /// Read the body, at most this many bytes (413 beyond), then ask for the answer.
        case read(bodyLimitBytes: Int, lane: Lane = .light, Answer)
        /// Answer at once and do not read the body.
        case refuse(Response)
    }

    /// Asked when the head is complete, before a byte of the body is read.
    public var admit: @Sendable (RequestHead) -> Admission
    /// Renders the server's own refusals (bad framing, body over the limit, no time left).
    public var refuse: @Sendable (Refusal, RequestHead) -> Response

    /// Why the server itself answers.
    public enum Refusal: Sendable, Hashable {
        /// Content-Length with Transfer-Encoding, several Hosts, folded lines, a NUL, and the like: 400.
        case ambiguousFraming(String)
        /// The head takes more memory than this: 431.
        case headTooLarge(limitBytes: Int)
        /// The body is over the limit that `admit` gave: 413.
        case bodyTooLarge(limitBytes: Int)
        /// The request took longer than the whole-request deadline: 408.
        case tooSlow(seconds: Int)
        /// The server is draining: 503.
        case shuttingDown
        /// Too many heavy requests wait already: 503.
        case busy(retryAfterSeconds: Int)
        /// Bodies and answers in flight take all the memory that they may: 503.
        case noRoom(retryAfterSeconds: Int)
    }

    public init(
        admit: @escaping @Sendable (RequestHead) -> Admission,
        refuse: @escaping @Sendable (Refusal, RequestHead) -> Response
    ) {
        self.admit = admit
        self.refuse = refuse
    }

    /// The answer to a request whose body is there already: for callers without a socket.
    public func respond(to request: Request) -> Response {
        switch admit(request.head) {
        case .refuse(let response): return response
        case .read(let limitBytes, _, let answer):
            guard request.body.count <= limitBytes else {
                return refuse(.bodyTooLarge(limitBytes: limitBytes), request.head)
            }
            return answer(request.body, Work.light)
        }
    }
}
