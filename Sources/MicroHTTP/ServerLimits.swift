// Every limit of the HTTP server, named with its unit. Body size is not here: the responder gives it for
// each request when it admits the head.

import HTTP

/// The server's limits. The defaults suit the published service; tests shorten them.
public struct ServerLimits: Hashable, Sendable {
    /// libmicrohttpd's memory for one connection: the request's head must fit, and that of its answer.
    /// Larger pools cost resident memory on every idle connection.
    public var connectionMemoryBytes = 9216
    /// Request line and fields of a head; each field, cookie and query item counts 64 bytes beside its own.
    public var headBytesMax: Int { connectionMemoryBytes - HeadMemory.answerHeadBytes }
    /// Open connections; further clients wait in the listen backlog.
    public var maximumConnectionCount = 10_000
    /// Connections from one address, half of all; 0 is no limit. Clients behind one proxy share an address.
    public var maximumConnectionCountPerAddress = 5_000
    /// Silence after which libmicrohttpd closes a connection. An inactivity timer only.
    public var inactivitySeconds = 60
    /// Longest time without a complete request line, from the connection's start or the previous answer.
    /// A timer of our own: it also ends a client that trickles bytes.
    public var idleOrRequestLineSeconds = 75
    /// Longest time from the request line to the last byte of the body.
    public var wholeRequestSeconds = 30
    /// Longest time for sending an answer to a client that reads slowly.
    public var sendingSeconds = 120
    /// Longest time, within the grace of a drain, that streams get for their good-byes.
    public var streamGoodbyeSeconds = 2
    /// The kernel's send buffer of a connection with a stream or an answer that is counted (Linux
    /// doubles it for its own needs).
    public var streamSendBufferBytes = 64 << 10
    /// How long an answer is still computed for a client that has stopped sending, which may mean that it has
    /// gone.
    public var halfClosedGraceMilliseconds = 1_000
    /// How often the deadlines above are checked.
    public var deadlineTickMilliseconds = 250
    /// Bytes beyond a body limit that are read and dropped, so that a client which sends first and reads
    /// later still sees the 413; after that the connection is closed.
    public var maximumDrainedBytes = 16 << 20
    /// Threads that serve; nil is one for each online core.
    public var threadCount: Int?

    public init() {}

    /// Descriptors beside those of connections: sockets, epoll, logs, files that are read.
    private static let otherDescriptorsMax = 256

    /// Descriptors that so many daemons need to take all the connections that they may.
    public func descriptorCount(daemons: Int) -> Int {
        daemons * maximumConnectionCount + Self.otherDescriptorsMax
    }

    /// No more connections than the process may have descriptors for: a client that finds none waits to be
    /// accepted, while accepting without a descriptor fails again and again.
    public func fitting(descriptors: Int, daemons: Int) -> ServerLimits {
        var fitting = self
        let others = min(Self.otherDescriptorsMax, descriptors / 2)
        let most = max(1, (descriptors - others) / max(1, daemons))
        guard most < maximumConnectionCount else { return self }
        fitting.maximumConnectionCount = most
        // One address has at most half, as it does with all of them.
        fitting.maximumConnectionCountPerAddress = min(maximumConnectionCountPerAddress, max(1, most / 2))
        return fitting
    }

    /// Names on the wire and values, for the service's list of limits.
    public var table: [(name: String, value: Int)] {
        [
            ("connections_max", maximumConnectionCount), ("connection_memory_bytes", connectionMemoryBytes),
            ("head_bytes_max", headBytesMax), ("head_item_bytes", HeadMemory.itemBytes),
            ("idle_seconds_max", inactivitySeconds), ("request_line_seconds_max", idleOrRequestLineSeconds),
            ("request_seconds_max", wholeRequestSeconds), ("sending_seconds_max", sendingSeconds),
            ("stream_goodbye_seconds_max", streamGoodbyeSeconds),
            ("stream_send_buffer_bytes", streamSendBufferBytes),
            ("stream_piece_bytes_max", StreamPiece.bytesMax),
            ("connections_per_address_max", maximumConnectionCountPerAddress),
            ("drained_bytes_max", maximumDrainedBytes),
            ("half_closed_grace_milliseconds", halfClosedGraceMilliseconds),
        ]
    }
}
