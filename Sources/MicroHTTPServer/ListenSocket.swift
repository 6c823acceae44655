// Sockets to listen on, made here so that TCP, a unix path and an inherited descriptor are one way into
// libmicrohttpd (MHD_OPTION_LISTEN_SOCKET).

import Glibc

/// A bound, listening socket.
public struct ListenSocket: Sendable {
    /// Why no socket can be had: the call and its errno.
    public struct Failure: Error, CustomStringConvertible {
        public let call: String
        public let code: Int32
        public var description: String { "\(call): \(String(cString: strerror(code)))" }
    }

    public let descriptor: Int32
    /// "http://127.0.0.1:8080", or "unix:/run/iovad.sock".
    public let description: String
    /// The path to remove at the end.
    public let path: String?

    private static let backlog: Int32 = 1_024

    /// Listens on `host:port`; port 0 takes a free one.
    public static func tcp(host: String, port: UInt16) throws(Failure) -> ListenSocket {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let address = found else {
            throw Failure(call: "cannot resolve \(host)", code: ENOENT)
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(
            address.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            throw closing(descriptor, "bind \(host):\(port)")
        }
        guard listen(descriptor, backlog) == 0 else { throw closing(descriptor, "listen") }
        let name = host.contains(":") ? "[\(host)]" : host
        return ListenSocket(
            descriptor: descriptor, description: "http://\(name):\(boundPort(descriptor) ?? port)", path: nil)
    }

    /// Listens on a unix path, for its owner and group only. A socket file that nobody listens on any more
    /// is replaced; any other file is left alone.
    public static func unix(path: String) throws(Failure) -> ListenSocket {
        guard var address = unixAddress(path) else {
            throw Failure(call: "unix path \(path)", code: ENAMETOOLONG)
        }
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw Failure(call: "\(path) is no socket", code: EEXIST)
            }
            guard !answers(&address) else { throw Failure(call: path, code: EADDRINUSE) }
            Glibc.unlink(path)
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw closing(descriptor, "bind \(path)") }
        chmod(path, 0o660)
        guard listen(descriptor, backlog) == 0 else { throw closing(descriptor, "listen") }
        return ListenSocket(descriptor: descriptor, description: "unix:\(path)", path: path)
    }

    /// A socket that the service manager has opened.
    public static func inherited(_ descriptor: Int32) -> ListenSocket {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let port = boundPort(descriptor).map { ":\($0)" } ?? ""
        return ListenSocket(descriptor: descriptor, description: "inherited:\(descriptor)\(port)", path: nil)
    }

    private static func closing(_ descriptor: Int32, _ call: String) -> Failure {
        let code = errno
        close(descriptor)
        return Failure(call: call, code: code)
    }

    private static func unixAddress(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8) + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path), bytes.count > 1 else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func answers(_ address: inout sockaddr_un) -> Bool {
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }

    private static func boundPort(_ descriptor: Int32) -> UInt16? {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0, [AF_INET, AF_INET6].contains(Int32(address.ss_family)) else { return nil }
        // The port stands at the same place in both families' addresses.
        return withUnsafeBytes(of: &address) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}
