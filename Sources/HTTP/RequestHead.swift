// What a request says before its body.

/// Method, raw target and header fields of a request.
public struct RequestHead: Sendable {
    public var method: Method
    /// The request target exactly as it came on the wire, query included, nothing decoded.
    public var rawTarget: [UInt8]
    public var headers: HeaderFields
    /// The peer's address for the log: "127.0.0.1:4711", or "unix".
    public var peer: String

    public init(method: Method, rawTarget: [UInt8], headers: HeaderFields, peer: String) {
        self.method = method
        self.rawTarget = rawTarget
        self.headers = headers
        self.peer = peer
    }
}
