// A blocking client that sends bytes as they are given and reads answers one by one. It forgives nothing and
// repairs nothing: tests use it to say to the server what no well-behaved client would.

import Glibc

/// One connection over TCP (127.0.0.1) or a unix socket.
public final class RawClient {
    /// One answer as it came.
    public struct Answer {
        public var status: Int
        /// Lower-case names.
        public var headers: [(name: String, value: String)]
        public var body: [UInt8]
        public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    public enum Endpoint: Sendable, CustomStringConvertible {
        case tcp(UInt16)
        case unix(String)
        public var description: String {
            switch self {
            case .tcp: "tcp"
            case .unix: "unix"
            }
        }
    }

    public struct Failure: Error { public var call: String, code: Int32 }

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// `receiveBufferBytes` keeps the kernel from taking much for a client that does not read.
    public init(_ endpoint: Endpoint, timeoutSeconds: Int = 10, receiveBufferBytes: Int32? = nil) throws {
        switch endpoint {
        case .tcp(let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            if var count = receiveBufferBytes {
                setsockopt(
                    descriptor, SOL_SOCKET, SO_RCVBUF, &count, socklen_t(MemoryLayout<Int32>.size))
            }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            try Self.connect(descriptor, &address)
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            try Self.connect(descriptor, &address)
        }
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    deinit { close(descriptor) }

    private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) throws {
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard code == 0 else { throw Failure(call: "connect", code: errno) }
    }

    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(call: "send", code: errno) }
            sent += count
        }
    }

    /// No more will be sent.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// False at the end of the stream.
    private func fill() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count < 0, errno == ECONNRESET { return false }
        guard count >= 0 else { throw Failure(call: "recv", code: errno) }
        buffer.append(contentsOf: piece[..<count])
        return count > 0
    }

    /// Everything up to the end of the stream.
    public func readToEnd() throws -> String {
        while try fill() {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// The next chunk of a chunked body whose head `read` has given; empty at its end, nil when the stream
    /// ended before that.
    public func readChunk() throws -> [UInt8]? {
        var lineEnd = buffer.firstIndex(of: 10)
        while lineEnd == nil {
            guard try fill() else { return nil }
            lineEnd = buffer.firstIndex(of: 10)
        }
        let digits = String(decoding: buffer[..<lineEnd!].dropLast(), as: UTF8.self)
        guard let count = Int(digits, radix: 16) else { throw Failure(call: "chunk \(digits)", code: 0) }
        let whole = lineEnd! + 1 + count + 2
        while buffer.count < whole { guard try fill() else { return nil } }
        defer { buffer.removeFirst(whole) }
        return Array(buffer[(lineEnd! + 1)..<(whole - 2)])
    }

    /// The next answer; nil when the stream ended before one was complete. `isHead`: no body follows.
    public func read(isHead: Bool = false) throws -> Answer? {
        var end = headEnd()
        while end == nil {
            guard try fill() else { return nil }
            end = headEnd()
        }
        let lines = String(decoding: buffer[..<end!], as: UTF8.self)
            .split(separator: "\r\n").map(String.init)
        buffer.removeFirst(end! + 4)
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: parts[0].lowercased(), value: String(parts.last ?? "").drop { $0 == " " })
        }.map { (name: $0.name, value: String($0.value)) }
        let words = lines[0].split(separator: " ")
        var answer = Answer(status: words.count > 1 ? Int(words[1]) ?? 0 : 0, headers: headers, body: [])
        let none = isHead || answer.status < 200 || answer.status == 204 || answer.status == 304
        let length = none ? 0 : Int(answer.header("content-length") ?? "0") ?? 0
        while buffer.count < length { guard try fill() else { return nil } }
        answer.body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return answer
    }

    private func headEnd() -> Int? {
        guard buffer.count >= 4 else { return nil }
        return (0...(buffer.count - 4)).first { Array(buffer[$0..<($0 + 4)]) == [13, 10, 13, 10] }
    }
}
