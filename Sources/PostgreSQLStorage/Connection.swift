// One connection to a server. No command waits longer than its deadline: libpq is used without blocking, and
// poll(2) does the waiting. With Pipeline.swift and ConnectionString.swift the only file with pointers of
// libpq.

import CPostgreSQL
import Glibc
import Locking

/// Why something was not done.
enum ConnectionFailure: Error {
    /// The connection was not made, broke, or did not answer in time; it cannot be used any more. What was
    /// sent may or may not have been done.
    case broken(String)
    /// The server's answer; what was sent was not done.
    case refused(Refusal)

    var isRefusal: Bool { if case .refused = self { true } else { false } }

    var message: String {
        switch self {
        case .broken(let message): message
        case .refused(let refusal): refusal.message
        }
    }
}

/// An error that a server sent.
struct Refusal: Error {
    /// SQLSTATE: five letters and digits.
    let state: String
    let message: String
}

/// What another session said.
struct Notification {
    let payload: String
}

/// An open connection. `@unchecked Sendable`: whoever took it from `Link`, `Pool` or the writer is alone with
/// it until it is given back.
final class Connection: @unchecked Sendable {
    let handle: OpaquePointer
    /// Names of statements that the server keeps for this connection, by their text.
    var statements: [String: String] = [:]
    private var namesGiven = 0

    /// Connects, and waits until the server takes commands, or for as long as `ConnectionString` has libpq
    /// wait.
    init(_ string: ConnectionString) throws(ConnectionFailure) {
        guard let opened = string.connect() else { throw .broken("libpq has no memory") }
        handle = opened
        guard PQstatus(handle) == CONNECTION_OK else { throw failure() }
        PQsetnonblocking(handle, 1)
        iovad_pq_silence(handle)
    }

    deinit { PQfinish(handle) }

    /// What libpq says of its last failure, in one line.
    func failure() -> ConnectionFailure { .broken(Self.line(String(cString: PQerrorMessage(handle)))) }

    static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop(while: \.isWhitespace))
        }.filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// Waits until the socket can be read or written.
    func wait(for events: Int16, until deadline: Int64) throws(ConnectionFailure) {
        while true {
            let left = deadline - MonotonicClock.milliseconds()
            guard left > 0 else { throw .broken("the server did not answer in time") }
            var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
            let code = poll(&descriptor, 1, Int32(clamping: left))
            if code > 0 { return }
            if code < 0, errno != EINTR { throw .broken(String(cString: strerror(errno))) }
        }
    }

    /// Sends what libpq holds back; reads meanwhile, so that neither side waits for the other.
    func flush(until deadline: Int64) throws(ConnectionFailure) {
        while true {
            let code = PQflush(handle)
            if code == 0 { return }
            if code < 0 { throw failure() }
            try wait(for: Int16(POLLIN | POLLOUT), until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw failure() }
        }
    }

    /// The next result; nil at the end of those of a command.
    func result(until deadline: Int64) throws(ConnectionFailure) -> OpaquePointer? {
        try flush(until: deadline)
        while PQisBusy(handle) == 1 {
            try wait(for: Int16(POLLIN), until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw failure() }
        }
        return PQgetResult(handle)
    }

    /// Throws what a result says went wrong.
    func check(_ result: OpaquePointer) throws(ConnectionFailure) {
        let status = PQresultStatus(result)
        guard status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE else { return }
        guard PQstatus(handle) != CONNECTION_BAD, let state = iovad_pq_state(result) else { throw failure() }
        let message = iovad_pq_message(result).map { String(cString: $0) } ?? ""
        // After FATAL and PANIC the server ends the connection.
        let severity = iovad_pq_severity(result).map { String(cString: $0) } ?? ""
        if severity != "ERROR" { throw .broken(message) }
        throw .refused(Refusal(state: String(cString: state), message: message))
    }

    /// A name that no statement of this connection has had: one whose preparation failed may be kept.
    func nextName() -> String {
        namesGiven += 1
        return "s\(namesGiven)"
    }

    /// Runs statements without parameters, one after the other.
    func execute(_ sql: String, until deadline: Int64) throws(ConnectionFailure) {
        guard PQsendQuery(handle, sql) == 1 else { throw failure() }
        var failed: ConnectionFailure?
        while let result = try result(until: deadline) {
            defer { PQclear(result) }
            do throws(ConnectionFailure) { try check(result) } catch {
                if case .broken = error { throw error }
                failed = error
            }
        }
        if let failed { throw failed }
    }

    /// What has come since; waits for nothing.
    func notifications() throws(ConnectionFailure) -> [Notification] {
        guard PQconsumeInput(handle) == 1 else { throw failure() }
        var found: [Notification] = []
        while let notification = PQnotifies(handle) {
            found.append(Notification(payload: String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
        return found
    }

    var socket: Int32 { PQsocket(handle) }

    /// For tests: the network takes the connection away.
    func cut() { shutdown(PQsocket(handle), Int32(SHUT_RDWR)) }
}
