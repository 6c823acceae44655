// An answer as a value: nothing here knows a socket.

/// An answer. `Content-Length`, `Transfer-Encoding`, `Date` and `Connection` are the server's business.
public struct Response: Sendable {
    /// 200 ... 599.
    public var status: Int
    public var headers: HeaderFields
    /// The whole body, or its beginning when `stream` follows.
    public var body: [UInt8]
    /// What continues the body after its first bytes; nil when `body` is all. A source serves one response.
    public var stream: (any StreamSource)?

    public init(
        status: Int, headers: HeaderFields = HeaderFields(), body: [UInt8] = [],
        stream: (any StreamSource)? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.stream = stream
    }
}
