// What the fuzzer does with raw requests: a server on a unix socket, libmicrohttpd included, gets the bytes,
// and a second reader says how many requests they are at most. More answers would mean that something else
// was taken for a request.

import Glibc
import HTTP
import MicroHTTP

struct HeadTarget {
    private static let path = "/tmp/iovad-fuzz-\(getpid())"
    private static let shared = HeadTarget()

    private let daemon: Daemon

    private init() {
        let responder = Responder(
            admit: { _ in .read(bodyLimitBytes: 1 << 20) { _, _ in Response(status: 200) } },
            refuse: { _, _ in Response(status: 400) })
        var limits = ServerLimits()
        limits.threadCount = 1
        limits.deadlineTickMilliseconds = 5
        do {
            daemon = try Daemon(listener: .unix(path: Self.path), responder: responder, limits: limits)
        } catch { fatalError("\(error)") }
    }

    static func send(_ bytes: [UInt8]) {
        _ = shared
        guard !StrictRequests.looksLikeLineEnds(bytes) else { return }
        let last = Array("\r\n\r\nGET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8)
        let answers = exchange(bytes + last)
        let most = StrictRequests.count(in: bytes + last)
        precondition(answers <= most, "\(answers) requests were answered, of \(most)")
    }

    /// The answers with status 200.
    private static func exchange(_ bytes: [UInt8]) -> Int {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(connected == 0, "connect: \(errno)")
        // A body that does not come would be waited for.
        var limit = timeval(tv_sec: 0, tv_usec: 20_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { break }
            received += piece[..<count]
        }
        let good = Array("HTTP/1.1 200 OK\r\n".utf8)
        return received.indices.count { received[$0...].starts(with: good) }
    }
}
