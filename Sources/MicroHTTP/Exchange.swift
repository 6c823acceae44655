// What hangs on one libmicrohttpd request: the state machine, its connection, and what the log will want.
// Made in the URI-log callback, released exactly once in the completion callback.

/// One request as the callbacks see it. Used by one server thread at a time.
final class Exchange {
    let pending: PendingRequest
    let connection: ConnectionRecord?
    /// Where the target ended in libmicrohttpd's buffer; the version must begin right behind it, or a raw
    /// NUL has cut the target short. An address to compare, never to read.
    let targetEnd: UInt
    var status: Int?
    /// The answer's X-Request-ID, for the log.
    var requestID: String?
    var bytesOut = 0
    /// The body, when it is a stream.
    var stream: StreamBody?

    init(pending: PendingRequest, connection: ConnectionRecord?, targetEnd: UInt) {
        self.targetEnd = targetEnd
        self.pending = pending
        self.connection = connection
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> Exchange? {
        pointer.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }
}
