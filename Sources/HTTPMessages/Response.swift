// An answer as a value: nothing here knows a socket.

/// A complete answer. `Content-Length`, `Date` and `Connection` are the server's business.
public struct Response: Sendable {
    /// 200 ... 599.
    public var status: Int
    public var headers: HeaderFields
    public var body: [UInt8]

    public init(status: Int, headers: HeaderFields = HeaderFields(), body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
