// A server that answers each connection with bytes that the test wrote, in pieces, and keeps what it was
// asked.

import Foundation
import Glibc

/// `@unchecked Sendable`: `asked` is touched only under `lock`, all else is set before the thread starts.
public final class ScriptedServer: @unchecked Sendable {
    public let port: UInt16
    private let listener: Int32
    private let answers: [[String]]
    private let pauseMicroseconds: UInt32
    private let lingerMicroseconds: UInt32
    private let lock = NSLock()
    private var asked: [String] = []

    /// - Parameters:
    ///   - answers: for each connection, in order, the pieces that are sent before it is closed.
    ///   - pauseMicroseconds: after each piece.
    ///   - lingerMicroseconds: before the connection is closed.
    public init(
        _ answers: [[String]], pauseMicroseconds: UInt32 = 20_000, lingerMicroseconds: UInt32 = 0
    ) {
        self.answers = answers
        self.pauseMicroseconds = pauseMicroseconds
        self.lingerMicroseconds = lingerMicroseconds
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        precondition(bound, "no port for a scripted server: errno \(errno)")
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { self.run() }
    }

    deinit { close(listener) }

    /// Its URL.
    public var base: String { "http://127.0.0.1:\(port)" }
    /// What each connection has asked so far.
    public var requests: [String] { lock.withLock { asked } }

    private func run() {
        for pieces in answers {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            let request = read(connection)
            lock.withLock { asked.append(request) }
            for piece in pieces {
                var bytes = Array(piece.utf8)
                _ = send(connection, &bytes, bytes.count, Int32(MSG_NOSIGNAL))
                usleep(pauseMicroseconds)
            }
            usleep(lingerMicroseconds)
            close(connection)
        }
    }

    private func read(_ connection: Int32) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            all += buffer.prefix(count)
            let text = String(decoding: all, as: UTF8.self)
            guard let end = text.place(of: "\r\n\r\n") else { continue }
            let length = text.split(separator: "\r\n").lazy.compactMap { line in
                line.hasPrefix("Content-Length: ") ? Int(line.dropFirst(16)) : nil
            }.first
            if text[end.upperBound...].utf8.count >= length ?? 0 { break }
        }
        return String(decoding: all, as: UTF8.self)
    }
}

extension String {
    fileprivate func place(of part: String) -> Range<String.Index>? { firstRange(of: part) }
}
