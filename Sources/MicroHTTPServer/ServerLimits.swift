// What one server will hold at most. The composition root lists these among the service's limits.

/// Bounds of a server, with libmicrohttpd's names where it has one.
public struct ServerLimits: Sendable {
    /// Connections at a time; more wait in the kernel's backlog (MHD_OPTION_CONNECTION_LIMIT).
    public var connectionsMax = 10_000
    /// Memory of one connection, which bounds its request head (MHD_OPTION_CONNECTION_MEMORY_LIMIT).
    /// libmicrohttpd clears it for every request, so it is kept small.
    public var connectionMemoryBytes = 16 << 10
    /// Silence after which a connection is closed (MHD_OPTION_CONNECTION_TIMEOUT).
    public var idleSecondsMax = 30
    /// From the end of a request's head to the end of its body.
    public var requestSecondsMax = 30
    /// Header fields of one request.
    public var headerFieldsMax = 100

    public init() {}

    /// Name on the wire and value.
    public var table: [(name: String, value: Int)] {
        [
            ("connections_max", connectionsMax), ("connection_memory_bytes", connectionMemoryBytes),
            ("idle_seconds_max", idleSecondsMax), ("request_seconds_max", requestSecondsMax),
            ("header_fields_max", headerFieldsMax),
        ]
    }
}
