// The connections that read. There is a most of them; calls beyond it wait for one that is given back, and no
// longer than a call waits for anything.

import Locking
import Storage

/// Connections that are lent.
final class Pool: Sendable {
    /// Open connections that read.
    static let connectionsMax = 4

    /// What one who waits is given: a connection, or the right to open one.
    private enum Turn: Sendable {
        case connection(Connection)
        case opening
    }

    private struct State {
        var idle: [Connection] = []
        var lent = 0
        var waiting: [Awaited<Turn>] = []
    }

    private let link: Link
    private let state = Locked(State())

    init(_ link: Link) { self.link = link }

    /// Asks on a connection. Questions change nothing: one that broke is asked once more on a fresh
    /// connection.
    func ask(_ command: Command) throws(StorageFailure) -> [[Column]] {
        let deadline = MonotonicClock.milliseconds() + Link.patienceMilliseconds
        return try using(until: deadline) { connection throws(ConnectionFailure) in
            try connection.run(command, until: deadline)
        }
    }

    /// Runs `body`, which may be run again, with a connection of its own.
    func using<T>(
        until deadline: Int64, _ body: (Connection) throws(ConnectionFailure) -> T
    ) throws(StorageFailure) -> T {
        while true {
            var connection = try take(until: deadline)
            if connection == nil {
                do throws(StorageFailure) { connection = try link.connection(until: deadline) } catch {
                    giveBack(nil)
                    throw error
                }
            }
            guard let connection else { continue }
            do throws(ConnectionFailure) {
                let result = try body(connection)
                giveBack(connection)
                return result
            } catch {
                let message = "\(link.string.description): \(error.message)"
                switch error {
                case .refused:
                    giveBack(connection)
                    throw .unavailable(message)
                case .broken:
                    giveBack(nil)
                    dropIdle()
                    link.note(message)
                    if MonotonicClock.milliseconds() >= deadline { throw .unavailable(message) }
                }
            }
        }
    }

    /// Closes what nobody has; the others are closed when they are given back.
    func dropIdle() { state.withLock { $0.idle = [] } }

    /// nil has the caller open one.
    private func take(until deadline: Int64) throws(StorageFailure) -> Connection? {
        if link.isClosed { throw CommitQueue.closed }
        let turn = Awaited<Turn>()
        state.withLock { state in
            guard state.lent < Self.connectionsMax else {
                state.waiting.append(turn)
                return
            }
            state.lent += 1
            turn.fulfil(state.idle.popLast().map { .connection($0) } ?? .opening)
        }
        var given = turn.wait(until: deadline)
        if given == nil {
            let isWithdrawn = state.withLock { state in
                let before = state.waiting.count
                state.waiting.removeAll { $0 === turn }
                return state.waiting.count < before
            }
            if isWithdrawn { throw link.busy }
            given = turn.wait()
        }
        if case .connection(let connection) = given { return connection }
        return nil
    }

    /// nil for one that broke.
    private func giveBack(_ connection: Connection?) {
        state.withLock { state in
            if !state.waiting.isEmpty {
                state.waiting.removeFirst().fulfil(connection.map { .connection($0) } ?? .opening)
                return
            }
            state.lent -= 1
            if let connection, !link.isClosed { state.idle.append(connection) }
        }
    }
}
