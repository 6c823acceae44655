// A listening socket that we open and hand to libmicrohttpd, so that TCP, unix sockets and inherited
// descriptors (sd_listen_fds(3)) take one path. It does not accept. Whoever holds it closes it once.

import Glibc

/// A listening stream socket. The daemon that it is given to closes it.
public struct ListenSocket: Sendable {
    /// Clients that may wait to be accepted.
    private static let backlogCount: Int32 = 1024
    /// systemd's first passed descriptor (sd_listen_fds(3)).
    private static let firstInheritedDescriptor: Int32 = 3
    /// More passed descriptors than this are ignored.
    private static let maximumInheritedDescriptorCount: Int32 = 64

    public let descriptor: Int32
    /// The bound TCP port in host byte order; nil for sockets of other families.
    public let port: UInt16?
    /// Whether it is a unix socket, which only this machine reaches.
    public let isUnix: Bool
    /// For the log: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock".
    public let name: String
    /// The file to remove at the end, with device and inode as they were bound.
    private let file: (path: String, device: UInt64, inode: UInt64)?

    private init(descriptor: Int32, file: (path: String, device: UInt64, inode: UInt64)? = nil) {
        self.descriptor = descriptor
        self.file = file
        let address = SocketAddress.local(of: descriptor)
        port = address?.port
        let family = Self.option(SO_DOMAIN, of: descriptor)
        isUnix = family == AF_UNIX
        let other = isUnix ? "unix" : "a socket of family \(family.map(String.init) ?? "unknown")"
        name = file.map { "unix:" + $0.path } ?? address?.text ?? other
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    /// Closes the socket and removes its file, unless another socket has taken the place.
    func close() {
        if let file {
            var now = stat()
            if lstat(file.path, &now) == 0, UInt64(now.st_dev) == file.device,
                UInt64(now.st_ino) == file.inode
            {
                unlink(file.path)
            }
        }
        Glibc.close(descriptor)
    }
}

extension ListenSocket {
    private static let streamType =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        | Int32(SOCK_NONBLOCK.rawValue)

    /// Listens on `host` (numeric, or "localhost" for 127.0.0.1); port 0 lets the system choose.
    public static func tcp(host: String, port: UInt16) throws(ListenError) -> ListenSocket {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        let numeric = bare == "localhost" ? "127.0.0.1" : bare
        guard getaddrinfo(numeric, String(port), &hints, &found) == 0, let found else {
            throw .notAnAddress(host)
        }
        defer { freeaddrinfo(found) }
        let descriptor = try newSocket(found.pointee.ai_family)
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        if found.pointee.ai_family == AF_INET6 {
            setsockopt(descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY), &one, size)
        }
        guard bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            throw failed("bind", closing: descriptor)
        }
        guard listen(descriptor, backlogCount) == 0 else { throw failed("listen", closing: descriptor) }
        return ListenSocket(descriptor: descriptor)
    }

    /// Listens at `path`, mode 0600: only the same user (and root) may connect. A socket file that nobody
    /// listens at is replaced; anything else at the path is an error.
    public static func unix(path: String) throws(ListenError) -> ListenSocket {
        guard var address = SocketAddress.unix(path) else {
            throw .pathTooLong(byteCount: path.utf8.count, limit: SocketAddress.maximumUnixPathBytes)
        }
        try removeStale(path, &address)
        let descriptor = try newSocket(AF_UNIX)
        guard SocketAddress.withPointer(&address, { bind(descriptor, $0, $1) }) == 0 else {
            throw failed("bind", closing: descriptor)
        }
        // Between bind and listen nobody can connect, so the mode is right before it matters; umask
        // would do the same but belongs to the whole process.
        var status = stat()
        guard chmod(path, 0o600) == 0, lstat(path, &status) == 0, listen(descriptor, backlogCount) == 0 else {
            let error = failed("listen", closing: descriptor)
            unlink(path)
            throw error
        }
        return ListenSocket(
            descriptor: descriptor, file: (path, UInt64(status.st_dev), UInt64(status.st_ino)))
    }

    /// Takes over a descriptor that already listens.
    public static func inherited(descriptor: Int32) throws(ListenError) -> ListenSocket {
        guard option(SO_ACCEPTCONN, of: descriptor) == 1,
            option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue)
        else { throw .notAListeningSocket(descriptor: descriptor) }
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { throw .system(call: "fcntl", errno: errno) }
        return ListenSocket(descriptor: descriptor)
    }

    /// The descriptors that systemd passed to this process (LISTEN_PID, LISTEN_FDS); empty when none.
    public static func inheritedFromEnvironment() throws(ListenError) -> [ListenSocket] {
        guard let pid = getenv("LISTEN_PID"), Int32(String(cString: pid)) == getpid(),
            let text = getenv("LISTEN_FDS"), let count = Int32(String(cString: text)), count > 0
        else { return [] }
        var sockets: [ListenSocket] = []
        for number in 0..<min(count, maximumInheritedDescriptorCount) {
            sockets.append(try inherited(descriptor: firstInheritedDescriptor + number))
        }
        return sockets
    }

    private static func removeStale(_ path: String, _ address: inout sockaddr_un) throws(ListenError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .pathIsNotASocket(path) }
        let probe = try newSocket(AF_UNIX)
        let result = SocketAddress.withPointer(&address) { connect(probe, $0, $1) }
        let error = errno
        Glibc.close(probe)
        guard result != 0, error == ECONNREFUSED else { throw .pathInUse(path) }
        guard unlink(path) == 0 else { throw .system(call: "unlink", errno: errno) }
    }

    private static func newSocket(_ family: Int32) throws(ListenError) -> Int32 {
        let descriptor = socket(family, streamType, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", errno: errno) }
        return descriptor
    }

    private static func failed(_ call: String, closing descriptor: Int32) -> ListenError {
        let error = errno
        Glibc.close(descriptor)
        return .system(call: call, errno: error)
    }
}

/// Errors of `ListenSocket` and `Daemon.start`. `errno` is the system's number.
public enum ListenError: Error, Hashable, Sendable {
    /// Not a numeric IPv4 or IPv6 address, nor "localhost".
    case notAnAddress(String)
    case pathTooLong(byteCount: Int, limit: Int)
    /// The path is something other than a socket; it is never removed.
    case pathIsNotASocket(String)
    /// Another process listens at the path.
    case pathInUse(String)
    /// An inherited descriptor that is not a listening stream socket.
    case notAListeningSocket(descriptor: Int32)
    /// `call` failed.
    case system(call: String, errno: Int32)
    /// libmicrohttpd did not start, and this is what it logged.
    case daemonNotStarted([String])
}
