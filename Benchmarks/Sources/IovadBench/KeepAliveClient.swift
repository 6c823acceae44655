// One connection that asks the same request again and again, as a client with keep-alive does. It reads no
// more of an answer than its status and its length; chunks and closing servers are errors here.

import Glibc

struct KeepAliveClient {
    struct Failed: Error, CustomStringConvertible { let description: String }

    private let descriptor: Int32
    private let request: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects to 127.0.0.1. `close` ends the connection.
    init(port: UInt16, request: [UInt8]) throws {
        self.request = request
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failed(description: "no socket: errno \(errno)") }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        // A server that stops answering is an error and no long wait.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Failed(description: "port \(port): errno \(errno)") }
    }

    func close() { _ = Glibc.close(descriptor) }

    func ask() throws {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failed(description: "sending: errno \(errno)") }
            sent += count
        }
    }

    /// Reads one answer of status 200. Returns the bytes of its body.
    mutating func take() throws -> Int {
        var have = 0
        var total: Int?
        var bodyBytes = 0
        while total.map({ have < $0 }) ?? true {
            // What follows the head is counted and not kept.
            let start = total == nil ? have : 0
            guard start < buffer.count else { throw Failed(description: "an answer's head is too long") }
            let count = buffer.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + start, $0.count - start, 0)
            }
            guard count > 0 else { throw Failed(description: "an answer ends early: errno \(errno)") }
            have += count
            if total == nil, let head = Self.headLength(buffer[..<have]) {
                let text = String(decoding: buffer[..<head], as: UTF8.self).lowercased()
                guard text.hasPrefix("http/1.1 200 "), let length = Self.contentLength(text) else {
                    throw Failed(
                        description: "not a 200 with a length: \(text.prefix(while: { $0 != "\r\n" }))")
                }
                (total, bodyBytes) = (head + length, length)
            }
        }
        guard have == total else { throw Failed(description: "more bytes than one answer") }
        return bodyBytes
    }

    /// Bytes up to the end of the empty line.
    private static func headLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        var at = 0
        while at + 3 < bytes.count {
            if bytes[at] == 0x0d, bytes[at + 1] == 0x0a, bytes[at + 2] == 0x0d, bytes[at + 3] == 0x0a {
                return at + 4
            }
            at += 1
        }
        return nil
    }

    private static func contentLength(_ head: String) -> Int? {
        for line in head.split(separator: "\r\n") where line.hasPrefix("content-length:") {
            return Int(line.dropFirst("content-length:".count).drop { $0 == " " })
        }
        return nil
    }
}
