// An answer as a value: status, header fields, and a body that is complete or continues as a stream. The
// server pulls the bytes of a stream; a source never pushes, so nobody buffers for a client that reads
// slowly. No socket is known here.

/// An answer. `Content-Length`, `Transfer-Encoding`, `Date` and `Connection` are the server's business.
public struct Response: Sendable {
    /// 200 ... 599.
    public var status: Int
    public var headers: HeaderFields {
        get { fixed?.headers(requestID: requestID ?? "") ?? ownHeaders }
        set { (ownHeaders, fixed) = (newValue, nil) }
    }
    private var ownHeaders: HeaderFields
    /// The answer that this one is, but for the request's id; nil for one that was made for its request, or
    /// whose fields were changed.
    public private(set) var fixed: FixedAnswer?
    /// The value of X-Request-ID, for the log; nil where only the fields have it.
    public private(set) var requestID: String?
    /// The whole body, or its beginning when `stream` follows.
    public var body: [UInt8]
    /// What continues the body after its first bytes; nil when `body` is all. A source serves one response.
    public var stream: (any StreamSource)?
    /// Whether the request changed something, so that its client must hear of it even where the memory for
    /// answers is used up. Any other answer may give way to a 503.
    public var isOwed = false
    /// The name under which its time is counted; nil where the time says nothing.
    public var operation: String?

    /// Memory that it takes until its client has read it.
    public var bytesHeld: Int { body.count + (stream?.bytesHeld ?? 0) }

    public init(
        status: Int, headers: HeaderFields = HeaderFields(), body: [UInt8] = [],
        stream: (any StreamSource)? = nil
    ) {
        self.status = status
        ownHeaders = headers
        self.body = body
        self.stream = stream
    }

    /// A fixed answer to one request.
    init(_ fixed: FixedAnswer, requestID: String) {
        status = fixed.status
        ownHeaders = HeaderFields()
        body = fixed.body
        self.fixed = fixed
        self.requestID = requestID
    }

    /// Appends fields that it does not have, the request's id first.
    public mutating func dress(requestID: String, _ fields: HeaderFields) {
        if fixed != nil { headers = headers }
        ownHeaders.fields.reserveCapacity(ownHeaders.fields.count + 1 + fields.fields.count)
        ownHeaders.add(FixedAnswer.idField, requestID)
        ownHeaders.fields += fields.fields
        self.requestID = requestID
    }
}

/// Where the bytes of a stream come from. The server calls `start` once, then `next` whenever the client can
/// take more, on one thread at a time, and `ended` exactly once at the very end, whatever the reason.
/// `finish` may come from another thread at any time. What takes long belongs into `compute`.
///
/// Locks: `next`, `finish` and `ended` are called without any lock of the server held.
public protocol StreamSource: AnyObject, Sendable {
    /// Whether this answer ends without being asked to. A server that stops gives it the time of a request;
    /// other streams get only the time for a good-bye.
    var endsByItself: Bool { get }

    /// Memory that it holds for its client alone, at most. One that finds no room for it is dropped: nothing
    /// else of it is called then.
    var bytesHeld: Int { get }

    /// The stream is about to begin. Keep `waker`, and call it whenever `next` may have something after it
    /// returned `.nothingYet`.
    func start(waker: StreamWaker)

    /// The next bytes. An answer larger than `StreamPiece.bytesMax` is a mistake of the source and traps.
    func next() -> StreamPiece

    /// Called on a thread for what is heavy after `next` returned `.toCompute`; then `next` is called again.
    /// Not at the same time as `next`, nor after `ended`. It asks the work, now and then,
    /// whether anybody waits.
    func compute(_ work: Work)

    /// The server is stopping: say good-bye in the next pieces, then `.end`. The server wakes the stream by
    /// itself. May come before the first `next` and, when the two cross, after `ended`; at most once.
    func finish()

    /// Nothing more will be asked. Calls of the waker are harmless from here on.
    func ended(_ ending: StreamEnding)
}

extension StreamSource {
    /// Event streams go on until somebody ends them.
    public var endsByItself: Bool { false }

    /// For those that never return `.toCompute`.
    public func compute(_ work: Work) {}
}

/// What a source returns when it is asked.
public enum StreamPiece: Hashable, Sendable {
    /// Not empty. It is not asked again before the client has taken all of it.
    case bytes([UInt8])
    /// The connection rests, at the cost of no thread, until the waker is called. A wake-up that comes
    /// between this answer and the rest is not lost: `next` is then asked again at once.
    case nothingYet
    /// The next bytes must be computed first. The connection rests meanwhile.
    case toCompute
    /// The body is complete; the connection can serve the next request.
    case end

    /// The most bytes in one piece: with the connection's own memory, all that the server ever buffers for
    /// one client that reads slowly.
    public static let bytesMax = 64 << 10
}

/// Why nothing more will be asked of a source.
public enum StreamEnding: Hashable, Sendable {
    /// The source returned `.end` and the client received everything.
    case complete
    /// The client went away or took nothing for too long; or it asked with HEAD and wants no body.
    case clientGone
    /// The server stopped before the source returned `.end`.
    case cutOff
}

/// Wakes one resting stream. Cheap to call for a stream that does not rest; calls may come from any thread,
/// under any lock of the caller's (it calls nothing back), before the stream begins and after it ended.
public struct StreamWaker: Sendable {
    private let action: @Sendable () -> Void

    public init(_ action: @escaping @Sendable () -> Void) { self.action = action }

    public func wake() { action() }
}
