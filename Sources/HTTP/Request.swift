// A request as a value: method, raw target, header fields, and the whole body when it is complete. The target
// is not decoded here (RequestTarget does that), and unknown methods are kept as they were sent, so that the
// answer can distinguish 405 from 501.

/// A request method; methods are case-sensitive (RFC 9110, 9.1).
public enum Method: Hashable, Sendable {
    case get, head, post, put, patch, delete, options
    case other(String)

    public init(_ name: String) {
        switch name {
        case "GET": self = .get
        case "HEAD": self = .head
        case "POST": self = .post
        case "PUT": self = .put
        case "PATCH": self = .patch
        case "DELETE": self = .delete
        case "OPTIONS": self = .options
        default: self = .other(name)
        }
    }

    public var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let name): name
        }
    }
}

/// Method, raw target and header fields of a request.
public struct RequestHead: Sendable {
    /// Behind one reference, for a head is handed on a dozen times from its arrival to the log: a copy of the
    /// parts counts four references, and as many when it is given up.
    private final class Parts: Sendable {
        let method: Method
        let rawTarget: [UInt8]
        let headers: HeaderFields
        let peer: String
        let client: String

        init(
            _ method: Method, _ rawTarget: [UInt8], _ headers: HeaderFields, _ peer: String, _ client: String
        ) {
            self.method = method
            self.rawTarget = rawTarget
            self.headers = headers
            self.peer = peer
            self.client = client
        }
    }

    private let parts: Parts

    public var method: Method { parts.method }
    /// The request target exactly as received, query included, nothing decoded.
    public var rawTarget: [UInt8] { parts.rawTarget }
    public var headers: HeaderFields { parts.headers }
    /// The peer's address for the log: "127.0.0.1:4711", or `unixPeer`.
    public var peer: String { parts.peer }

    /// What stands for the address of whoever connects to a unix socket.
    public static let unixPeer = "unix"

    /// - Parameter client: what `client(ofPeer:)` says of the peer, where that is known already.
    public init(
        method: Method, rawTarget: [UInt8], headers: HeaderFields, peer: String, client: String? = nil
    ) {
        parts = Parts(method, rawTarget, headers, peer, client ?? Self.client(ofPeer: peer))
    }

    /// Who sends it, as far as the connection tells.
    public var client: String { parts.client }

    /// Clients are distinguished by address; those of a unix socket are one.
    public static func client(ofPeer peer: String) -> String {
        // By its bytes: characters of a String cost a hundred times as much to find.
        guard let colon = peer.utf8.lastIndex(of: UInt8(ascii: ":")) else { return peer }
        return String(peer[..<colon])
    }
}

/// A complete request.
public struct Request: Sendable {
    public var head: RequestHead
    public var body: [UInt8]

    public init(head: RequestHead, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }
}
