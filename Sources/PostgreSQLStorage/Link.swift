// How connections are opened, with all that each of them promises, and what is known of the server: whether
// it is away, and since when.

import Glibc
import Locking
import Storage

/// The way to one server.
final class Link: Sendable {
    /// How long a call waits for a server that is away, is busy, or does not answer.
    static let patienceMilliseconds: Int64 = 5000
    /// Between attempts to connect; doubled from the first to the last.
    static let backoffMilliseconds: ClosedRange<Int64> = 50...1000
    /// The server ends what takes longer: a call must not hold what others wait for.
    static let statementMilliseconds = 4000
    /// The server ends a transaction whose instance stopped in the middle of it.
    static let idleTransactionMilliseconds = 10_000

    private struct State {
        var trouble: String?
        /// When the first attempt in a row failed, and when the next one may be made.
        var awaySince: Int64?
        var nextAttempt: Int64 = 0
        var backoff = Link.backoffMilliseconds.lowerBound
        var isClosed = false
    }

    let string: ConnectionString
    private let state = Locked(State())

    init(_ string: ConnectionString) { self.string = string }

    /// Why it cannot be reached now.
    var trouble: String? { state.withLock(\.trouble) }
    var isClosed: Bool { state.withLock(\.isClosed) }

    /// How a call fails whose turn has not come in time: for the others wait for a server that is away, as a
    /// rule.
    var busy: StorageFailure { trouble.map { .unavailable($0) } ?? CommitQueue.busy }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.trouble = "the store is closed"
        }
    }

    /// Opens a connection in one attempt.
    func open(until deadline: Int64) throws(LinkFailure) -> Connection {
        if isClosed { throw .failed("the store is closed", isLasting: true) }
        let connection: Connection
        let opening: StorageOpening?
        do throws(ConnectionFailure) {
            connection = try Connection(string)
            try connection.execute(Self.settings, until: deadline)
            opening = try Schema.bring(connection, in: string.description, until: deadline)
        } catch {
            let message = "\(string.description): \(error.message)"
            note(message)
            throw .failed(message, isLasting: error.isLasting)
        }
        if let opening {
            note(opening.description)
            throw .failed(opening.description, isLasting: true)
        }
        noteSuccess()
        return connection
    }

    /// Opens a connection, with as many attempts as there is time for. After a server has been away for as
    /// long as a call waits, calls do not wait for it: they make the next attempt if it is time for one.
    func connection(until deadline: Int64) throws(StorageFailure) -> Connection {
        while true {
            let now = MonotonicClock.milliseconds()
            let (isOverdue, next, trouble) = state.withLock { state in
                let isOverdue = state.awaySince.map { now - $0 > Self.patienceMilliseconds } ?? false
                return (isOverdue, state.nextAttempt, state.trouble)
            }
            if isOverdue, now < next { throw .unavailable(trouble ?? "the store is away") }
            if now < next { usleep(UInt32(clamping: 1000 * (min(next, deadline) - now))) }
            do throws(LinkFailure) { return try open(until: deadline) } catch {
                let isLate = MonotonicClock.milliseconds() >= deadline
                if error.isLasting || isOverdue || isLate { throw .unavailable(error.message) }
            }
        }
    }

    /// What a connection failed with that was open.
    func note(_ message: String) {
        let now = MonotonicClock.milliseconds()
        state.withLock { state in
            if state.isClosed { return }
            state.trouble = message
            state.awaySince = state.awaySince ?? now
            state.nextAttempt = now + state.backoff
            state.backoff = min(2 * state.backoff, Self.backoffMilliseconds.upperBound)
        }
    }

    private func noteSuccess() {
        state.withLock { state in
            if state.isClosed { return }
            state.trouble = nil
            state.awaySince = nil
            state.nextAttempt = 0
            state.backoff = Self.backoffMilliseconds.lowerBound
        }
    }

    /// An answer to a commit means that it lasts: a server that is set to answer before that is told not to.
    private static let settings = """
        SET statement_timeout = \(statementMilliseconds);
        SET lock_timeout = \(statementMilliseconds);
        SET idle_in_transaction_session_timeout = \(idleTransactionMilliseconds);
        SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'
        """
}

/// Why there is no connection.
enum LinkFailure: Error {
    /// Lasting: no further attempt mends it.
    case failed(String, isLasting: Bool)

    var message: String { if case .failed(let message, _) = self { message } else { "" } }
    var isLasting: Bool { if case .failed(_, let isLasting) = self { isLasting } else { false } }
}

extension ConnectionFailure {
    /// Rights and schemas that are missing: a server that starts or stops is none of it.
    var isLasting: Bool {
        guard case .refused(let refusal) = self else { return false }
        return ["28", "3D", "42", "3F"].contains { refusal.state.hasPrefix($0) }
    }
}
