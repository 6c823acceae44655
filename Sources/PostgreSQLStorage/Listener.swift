// The connection that listens: it hears what other instances commit, asks the server for its time, and by
// both finds out when the server is away or back, whether anybody else asks or not.

import Glibc
import Locking
import Storage

/// Hears, on a thread of its own.
final class Listener: Sendable {
    /// Between two looks at the server's clock.
    static let clockMilliseconds: Int64 = 10_000
    /// Between two looks whether the listener is to end.
    private static let turnMilliseconds: Int64 = 200

    private struct State {
        var connection: Connection?
        var nextClock: Int64 = 0
        /// Whether something may have been missed.
        var hasGap = false
        var followers: [@Sendable ([StoredName]?) -> Void] = []
        /// Server's time less the monotonic clock; nil until it was asked.
        var offset: Int64?
        var shift: Int64 = 0
    }

    private let link: Link
    private let instance: String
    /// Connection and turn: touched by the thread alone, and at the end.
    private let state = Locked(State())

    init(_ link: Link, _ instance: String) {
        self.link = link
        self.instance = instance
    }

    func follow(_ changed: @escaping @Sendable ([StoredName]?) -> Void) {
        state.withLock { $0.followers.append(changed) }
    }

    /// Milliseconds since 1970 by the server's clock; by ours until the server has said its own.
    func now() -> Int64 {
        let (offset, shift) = state.withLock { ($0.offset, $0.shift) }
        if let offset { return MonotonicClock.milliseconds() + offset + shift }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000 + shift
    }

    /// For tests: time goes on.
    func advance(milliseconds: Int64) { state.withLock { $0.shift += milliseconds } }

    func close() { state.withLock { $0.connection = nil } }

    /// One turn of the thread: connects where it must, and waits a moment for what comes.
    func turn() {
        let connection: Connection
        if let open = state.withLock(\.connection) {
            connection = open
        } else {
            guard let opened = try? open() else {
                usleep(UInt32(Self.turnMilliseconds) * 1000)
                return
            }
            connection = opened
        }
        do throws(ConnectionFailure) {
            if MonotonicClock.milliseconds() >= state.withLock(\.nextClock) { try askForTime(connection) }
            var descriptor = pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, Int32(Self.turnMilliseconds))
            for notification in try connection.notifications() { hear(notification) }
        } catch {
            link.note("\(link.string.description): \(error.message)")
            state.withLock { state in
                state.connection = nil
                state.hasGap = true
            }
        }
    }

    /// Connects at once: the first time in `PostgreSQLStorage.init`, so that it knows the server's time.
    func connect(_ connection: Connection, until deadline: Int64) throws(ConnectionFailure) {
        try connection.execute("LISTEN \(Announcement.channel)", until: deadline)
        try askForTime(connection)
        let (hadGap, followers) = state.withLock { state in
            defer { state.hasGap = false }
            state.connection = connection
            return (state.hasGap, state.followers)
        }
        if hadGap { for follower in followers { follower(nil) } }
    }

    private func open() throws -> Connection? {
        let deadline = MonotonicClock.milliseconds() + Link.patienceMilliseconds
        state.withLock { $0.hasGap = true }
        // Waits between attempts, and gives up with the others.
        let connection = try link.connection(until: deadline)
        try connect(connection, until: deadline)
        return connection
    }

    private func askForTime(_ connection: Connection) throws(ConnectionFailure) {
        let before = MonotonicClock.milliseconds()
        let rows = try connection.run(Question.clock, until: before + Link.patienceMilliseconds)
        let after = MonotonicClock.milliseconds()
        guard let time = rows.first?.first?.integer else { return }
        state.withLock { state in
            state.offset = time - (before + after) / 2
            state.nextClock = after + Self.clockMilliseconds
        }
    }

    private func hear(_ notification: Notification) {
        let (writer, names) = Announcement.read(notification.payload)
        if writer == instance { return }
        for follower in state.withLock(\.followers) { follower(names) }
    }
}
