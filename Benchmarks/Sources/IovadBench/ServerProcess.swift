// A server as a child process: started, asked for its port and for the CPU time it used, ended. It knows
// iovad and the yardstick alike by the line that both print when they listen.

import Glibc

/// A running server. It is ended when the value goes.
final class ServerProcess {
    struct DidNotStart: Error, CustomStringConvertible { let description: String }

    /// Longest wait for the line that names the port.
    private static let startMilliseconds: Int32 = 10_000

    private let identifier: pid_t
    private let errors: Int32
    let port: UInt16

    init(_ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw DidNotStart(description: "no pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        errors = ends[0]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var child = pid_t()
        let code = posix_spawn(&child, arguments[0], &actions, nil, &words, environ)
        posix_spawn_file_actions_destroy(&actions)
        words.forEach { free($0) }
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw DidNotStart(
                description: "\(arguments[0]) does not start: \(String(cString: strerror(code)))")
        }
        identifier = child
        guard let port = Self.portSaid(on: ends[0]) else {
            Self.end(child, ends[0])
            throw DidNotStart(description: "\(arguments[0]) does not say where it serves")
        }
        self.port = port
    }

    deinit { Self.end(identifier, errors) }

    /// CPU time of all its threads so far, in nanoseconds, the kernel's share included.
    func cpuNanoseconds() -> UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            preconditionFailure("process \(identifier) has no CPU clock: it ended")
        }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Reads until `... serves http://127.0.0.1:PORT` and a newline.
    private static func portSaid(on descriptor: Int32) -> UInt16? {
        var said: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while true {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, startMilliseconds) > 0 else { return nil }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            said += buffer[..<count]
            for line in said.split(separator: 0x0a).dropLast(said.last == 0x0a ? 0 : 1) {
                let line = String(decoding: line, as: UTF8.self)
                guard line.contains(" serves http://"), let colon = line.lastIndex(of: ":") else { continue }
                return UInt16(line[line.index(after: colon)...])
            }
        }
    }

    private static func end(_ child: pid_t, _ errors: Int32) {
        kill(child, SIGTERM)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        close(errors)
    }
}
