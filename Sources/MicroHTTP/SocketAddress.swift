// Socket addresses between C structures and text. No name look-ups.

import CMicroHTTPD
import Glibc
import HTTP

enum SocketAddress {
    /// `sun_path` has room for this many bytes and a final NUL.
    static let maximumUnixPathBytes = 107

    static func unix(_ path: String) -> sockaddr_un? {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= maximumUnixPathBytes, !bytes.contains(0) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    static func withPointer(
        _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// The bound address; nil for unix sockets.
    static func local(of descriptor: Int32) -> (text: String, port: UInt16)? {
        read { getsockname(descriptor, $0, $1) }
    }

    /// The peer's address, `RequestHead.unixPeer` when it has none.
    static func peer(of descriptor: Int32) -> String {
        read { getpeername(descriptor, $0, $1) }?.text ?? RequestHead.unixPeer
    }

    private static func read(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (text: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard call(generic, &length) == 0 else { return nil }
                return text(UnsafeRawPointer(pointer), Int32(generic.pointee.sa_family))
            }
        }
    }

    private static func text(_ pointer: UnsafeRawPointer, _ family: Int32) -> (text: String, port: UInt16)? {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var printed: String {
            String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        switch family {
        case AF_INET:
            var address = pointer.load(as: sockaddr_in.self)
            let port = UInt16(bigEndian: address.sin_port)
            inet_ntop(AF_INET, &address.sin_addr, &buffer, socklen_t(buffer.count))
            return ("\(printed):\(port)", port)
        case AF_INET6:
            var address = pointer.load(as: sockaddr_in6.self)
            let port = UInt16(bigEndian: address.sin6_port)
            inet_ntop(AF_INET6, &address.sin6_addr, &buffer, socklen_t(buffer.count))
            return ("[\(printed)]:\(port)", port)
        default:
            return nil
        }
    }
}
