// The connection that writes. All commits that wait go in one pipeline and one transaction, a savepoint each,
// so that they share one wait for the disk and a conflict takes back its own commit only. The first statement
// of every transaction leaves its number in a row of this instance; where a connection breaks after COMMIT
// was sent, that row says what became of it.

import Locking
import Storage

/// Writes batches, on the thread of a `CommitQueue`.
final class Writer: Sendable {
    /// Commits of one transaction: servers keep so many subtransactions of a session at hand.
    static let batchMax = 60
    /// After this the row of an instance that has gone is dropped: a day.
    static let millisecondsKept: Int64 = 86_400_000

    /// For tests: where the network takes the connection away.
    enum Cut: Sendable { case beforeCommit, afterCommit }

    private struct State {
        var connection: Connection?
        var batch: Int64 = 0
        var trouble: String?
    }

    private let instance: String
    private let link: Link
    private let now: @Sendable () -> Int64
    private let state = Locked(State())
    let cut = Locked<Cut?>(nil)

    init(_ link: Link, _ instance: String, now: @escaping @Sendable () -> Int64) {
        self.link = link
        self.instance = instance
        self.now = now
    }

    /// For an instance: no two have the same.
    static func name() -> String {
        (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 16) }.joined(separator: "-")
    }

    /// Why the last batch was not written.
    var trouble: String? { state.withLock(\.trouble) }

    func close() { state.withLock { $0.connection = nil } }

    func write(_ items: [CommitQueue.Item]) -> [CommitQueue.Outcome] {
        let start = MonotonicClock.milliseconds()
        let deadline = items.compactMap(\.deadline).max() ?? start + Link.patienceMilliseconds
        // Instances that lock entities in one order do not wait for each other in a circle.
        let names = items.map(\.name)
        let order = items.indices.sorted { (names[$0], $0) < (names[$1], $1) }
        return state.withLock { state in
            let sorted = attempt(order.map { items[$0] }, until: deadline, &state)
            var outcomes = sorted
            for (place, outcome) in zip(order, sorted) { outcomes[place] = outcome }
            let why = outcomes.lazy.compactMap(\.trouble).first
            if why != nil || outcomes.contains(.done) { state.trouble = why }
            return outcomes
        }
    }

    private func attempt(
        _ items: [CommitQueue.Item], until deadline: Int64, _ state: inout State
    ) -> [CommitQueue.Outcome] {
        let connection: Connection
        do throws(StorageFailure) {
            if let open = state.connection {
                connection = open
            } else {
                connection = try link.connection(until: deadline)
            }
        } catch {
            return items.map { _ in .failed(error) }
        }
        state.connection = connection
        state.batch += 1
        let cut = self.cut.withLock { cut in
            defer { cut = nil }
            return cut
        }
        let batch = Batch(items.map(\.changes), mark: mark(state.batch), instance, now())
        var outcomes: [CommitQueue.Outcome] = []
        do throws(ConnectionFailure) {
            if cut == .beforeCommit, !batch.isTransaction { connection.cut() }
            let isCut = cut == .afterCommit && !batch.isTransaction
            outcomes = try batch.prepare(on: connection, until: deadline) { if isCut { connection.cut() } }
            guard batch.isTransaction else { return outcomes.map(described) }
            if !outcomes.contains(.done) {
                try connection.execute("ROLLBACK", until: deadline)
                return outcomes.map(described)
            }
        } catch {
            // Without COMMIT nothing was done, unless the batch was sent as a whole.
            let isKnown = batch.isTransaction || error.isRefusal
            return ended(error, items.map { _ in .done }, items, isKnown: isKnown, until: deadline, &state)
        }
        do throws(ConnectionFailure) {
            if cut == .beforeCommit { connection.cut() }
            try batch.commit(on: connection, until: deadline) { if cut == .afterCommit { connection.cut() } }
            return outcomes.map(described)
        } catch {
            return ended(error, outcomes, items, isKnown: error.isRefusal, until: deadline, &state)
        }
    }

    /// What became of commits that are done, if the transaction was committed, after their connection failed.
    ///
    /// - Parameter isKnown: that it was not.
    private func ended(
        _ error: ConnectionFailure, _ outcomes: [CommitQueue.Outcome], _ items: [CommitQueue.Item],
        isKnown: Bool, until deadline: Int64, _ state: inout State
    ) -> [CommitQueue.Outcome] {
        state.connection = nil
        let message = note(error)
        let isCommitted = isKnown ? false : resolve(&state)
        let isLate = MonotonicClock.milliseconds() >= deadline
        return zip(outcomes, items).map { outcome, item in
            guard outcome == .done else { return described(outcome) }
            guard let isCommitted else {
                return .failed(.unavailable("\(message); whether the change was made is not known"))
            }
            if isCommitted { return .done }
            let isOver = isLate || error.isRefusal || item.deadline == nil
            return isOver ? .failed(.unavailable(message)) : .again
        }
    }

    /// Whether the last batch was committed; nil where that cannot be found out. The row is written for that:
    /// where the server still works on what it was sent, this waits until it has ended, one way or the other;
    /// what the server has not begun with fails from then on, for the row has a higher number.
    private func resolve(_ state: inout State) -> Bool? {
        let deadline = MonotonicClock.milliseconds() + Link.patienceMilliseconds
        let look = Command(
            """
            INSERT INTO iovad.commits AS c VALUES ($1, 0, $2)
            ON CONFLICT (instance) DO UPDATE SET seen_at = EXCLUDED.seen_at RETURNING c.batch
            """, .text(instance), .integer(now()))
        let last = state.batch
        while MonotonicClock.milliseconds() < deadline {
            guard let connection = try? link.connection(until: deadline) else { return nil }
            do throws(ConnectionFailure) {
                state.batch += 1
                let results = try connection.run([[look, mark(state.batch)]], until: deadline)
                state.connection = connection
                guard case .success(let rows) = results[0] else { continue }
                return rows[0].rows.first?.first?.integer == last
            } catch {
                state.connection = nil
                _ = note(error)
            }
        }
        return nil
    }

    /// With the name of the server.
    private func described(_ outcome: CommitQueue.Outcome) -> CommitQueue.Outcome {
        guard let why = outcome.trouble else { return outcome }
        return .failed(.unavailable("\(link.string.description): \(why)"))
    }

    private func mark(_ batch: Int64) -> Command {
        Command(
            StoredChange.guarding(
                """
                INSERT INTO iovad.commits AS c VALUES ($1, $2, $3) ON CONFLICT (instance)
                DO UPDATE SET batch = EXCLUDED.batch, seen_at = EXCLUDED.seen_at
                WHERE c.batch < EXCLUDED.batch
                """),
            .text(instance), .integer(batch), .integer(now()))
    }

    private func note(_ error: ConnectionFailure) -> String {
        let message = "\(link.string.description): \(error.message)"
        if case .broken = error { link.note(message) }
        return message
    }
}

extension CommitQueue.Item {
    /// The first of the entities that it changes; one without may come anywhere.
    fileprivate var name: StoredName { changes.lazy.compactMap(\.name).min() ?? StoredName(.agreement, "") }
}

extension CommitQueue.Outcome {
    fileprivate var trouble: String? {
        if case .failed(.unavailable(let why)) = self { why } else { nil }
    }
}

/// The commits of one transaction.
struct Batch {
    private let segments: [[Command]]
    /// Whether BEGIN and COMMIT are sent by themselves. One commit alone is sent as a whole: the server makes
    /// one transaction of what comes before a sync.
    let isTransaction: Bool

    init(_ commits: [[StoredChange]], mark: Command, _ instance: String, _ now: Int64) {
        isTransaction = commits.count > 1
        let bodies = commits.map { changes in
            changes.flatMap { $0.commands(now: now) } + Announcement.commands(changes, instance)
        }
        guard isTransaction else {
            segments = bodies.map { [mark] + $0 }
            return
        }
        // A savepoint after each commit that succeeded; going back to the last one takes back a commit that
        // did not, and nothing after one that did.
        let begin = [Command("BEGIN ISOLATION LEVEL READ COMMITTED"), mark, Command("SAVEPOINT one")]
        segments =
            [begin] + bodies.map { [Command("ROLLBACK TO SAVEPOINT one")] + $0 + [Command("SAVEPOINT one")] }
    }

    /// Sends all commits; what became of each, as far as the transaction is committed.
    func prepare(
        on connection: Connection, until deadline: Int64, sent: () -> Void
    ) throws(ConnectionFailure) -> [CommitQueue.Outcome] {
        var results = try connection.run(segments, until: deadline, sent: sent)[...]
        if isTransaction, let first = results.popFirst(), case .failure(let refusal) = first {
            throw .broken(refusal.message)
        }
        return results.map { result in
            guard case .failure(let refusal) = result else { return .done }
            if CommitState.conflicts.contains(refusal.state) { return .failed(.conflict) }
            if CommitState.retries.contains(refusal.state) { return .again }
            return .failed(.unavailable(refusal.message))
        }
    }

    func commit(
        on connection: Connection, until deadline: Int64, sent: () -> Void
    ) throws(ConnectionFailure) {
        let end = [[Command("ROLLBACK TO SAVEPOINT one"), Command("COMMIT")]]
        switch try connection.run(end, until: deadline, sent: sent)[0] {
        case .failure(let refusal): throw .refused(refusal)
        case .success(let rows):
            guard rows.last?.tag == "COMMIT" else {
                throw .refused(Refusal(state: "", message: "the server rolled the transaction back"))
            }
        }
    }
}
