// Why a listen socket could not be had or the daemon not be started, as facts.

/// Errors of `ListenSocket` and `Daemon.start`. `errno` is the system's number.
public enum ListenError: Error, Hashable, Sendable {
    /// Not a numeric IPv4 or IPv6 address, nor "localhost".
    case notAnAddress(String)
    case pathTooLong(byteCount: Int, limit: Int)
    /// Something that is not a socket lies at the path; it is never removed.
    case pathIsNotASocket(String)
    /// Another process listens at the path.
    case pathInUse(String)
    /// An inherited descriptor that is not a listening stream socket.
    case notAListeningSocket(descriptor: Int32)
    /// `call` failed.
    case system(call: String, errno: Int32)
    /// libmicrohttpd did not start, and this is what it said.
    case daemonNotStarted([String])
}
