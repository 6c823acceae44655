// A blocking client that sends exactly the bytes it is given: what no HTTP library would send has to be
// answered as well.

import Glibc

/// One connection to 127.0.0.1.
public final class RawClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    public struct Answer: Sendable {
        public let status: Int
        public let head: String
        public let body: [UInt8]
        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Connects, with timeouts, so that a hanging server fails a test instead of hanging it.
    public init(port: UInt16, seconds: Int = 10) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(status == 0, "cannot connect to port \(port): errno \(errno)")
    }

    /// Connects to a unix path.
    public init(path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(status == 0, "cannot connect to \(path): errno \(errno)")
    }

    deinit { close(descriptor) }

    /// False when the peer has closed.
    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Lets the peer see the end of what is sent.
    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next answer; nil when the connection ends before one. `hasBody` is false for HEAD.
    public func receive(hasBody: Bool = true) -> Answer? {
        let separator = Array("\r\n\r\n".utf8)
        var end = find(separator)
        while end == nil {
            guard fill() else { return nil }
            end = find(separator)
        }
        let head = String(decoding: buffer[..<end!], as: UTF8.self)
        buffer.removeFirst(end! + 4)
        let lines = head.split(separator: "\r\n")
        let length =
            lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) } ?? 0
        let wanted = hasBody ? length : 0
        while buffer.count < wanted { guard fill() else { return nil } }
        let body = Array(buffer[..<wanted])
        buffer.removeFirst(wanted)
        let words = lines[0].split(separator: " ")
        return Answer(status: words.count > 1 ? Int(words[1]) ?? 0 : 0, head: head, body: body)
    }

    /// Whether the peer closes within the timeout.
    public func isClosed() -> Bool { !fill() }

    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        buffer += chunk[..<count]
        return true
    }

    private func find(_ pattern: [UInt8]) -> Int? {
        guard buffer.count >= pattern.count else { return nil }
        return (0...(buffer.count - pattern.count)).first { buffer[$0...].starts(with: pattern) }
    }
}
