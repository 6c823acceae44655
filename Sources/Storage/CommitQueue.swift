// Group commit: the commits of many threads wait for one thread, which takes all that wait at once, so that
// they share what is dear about a commit, the wait for a disk. What a commit is, the store knows.

import Locking

/// Commits that wait for the thread that writes them.
public final class CommitQueue: Sendable {
    /// A commit of the batch that is to be written.
    public struct Item: Sendable {
        public let changes: [StoredChange]
        /// When its caller stops waiting, in milliseconds of `MonotonicClock`; nil for never.
        public let deadline: Int64?
        fileprivate let answer: Awaited<Outcome>
    }

    /// What became of one.
    public enum Outcome: Hashable, Sendable {
        case done
        case failed(StorageFailure)
        /// Nothing was changed: it comes first in the next batch.
        case again
    }

    private struct State {
        var waiting: [Item] = []
        var isClosed = false
        var isProbed = false
    }

    private let state: Locked<State>
    private let writer: WorkerThreads

    /// - Parameters:
    ///   - most: commits in one batch.
    ///   - write: writes a batch, and says what became of each commit; called on one thread. A batch of one
    ///     without changes asks whether the store can be written.
    public init(most: Int, write: @escaping @Sendable ([Item]) -> [Outcome]) {
        let state = Locked(State())
        self.state = state
        writer = WorkerThreads(count: 1, niceness: 0) { Self.work(state, most, write) }
    }

    /// Writes all that waits.
    private static func work(
        _ state: Locked<State>, _ most: Int, _ write: @Sendable ([Item]) -> [Outcome]
    ) {
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(most))
                state.waiting.removeFirst(batch.count)
                return batch
            }
            if batch.isEmpty { return }
            var again: [Item] = []
            for (item, outcome) in zip(batch, write(batch)) {
                if outcome == .again { again.append(item) } else { item.answer.fulfil(outcome) }
            }
            let isClosed = state.withLock { state in
                state.isProbed = false
                if !state.isClosed { state.waiting = again + state.waiting }
                return state.isClosed
            }
            if isClosed { refuse(again) }
        }
    }

    /// Hands over a commit and waits for what becomes of it.
    ///
    /// - Parameter deadline: in milliseconds of `MonotonicClock`, after which a commit that nobody has taken
    ///   is withdrawn; nil waits as long as it takes.
    public func commit(_ changes: [StoredChange], until deadline: Int64? = nil) throws(StorageFailure) {
        let item = Item(changes: changes, deadline: deadline, answer: Awaited())
        let isClosed = state.withLock { state in
            if !state.isClosed { state.waiting.append(item) }
            return state.isClosed
        }
        if isClosed { throw Self.closed }
        writer.wakeOne()
        var outcome = item.answer.wait(until: deadline)
        if outcome == nil {
            let isWithdrawn = state.withLock { state in
                let before = state.waiting.count
                state.waiting.removeAll { $0.answer === item.answer }
                return state.waiting.count < before
            }
            if isWithdrawn { throw Self.busy }
            outcome = item.answer.wait()
        }
        if case .failed(let failure) = outcome { throw failure }
    }

    /// Has the writer find out whether the store can be written, unless it is at it. Does not wait.
    public func probe() {
        let isAsked = state.withLock { state in
            guard !state.isClosed, !state.isProbed else { return false }
            state.isProbed = true
            state.waiting.append(Item(changes: [], deadline: nil, answer: Awaited()))
            return true
        }
        if isAsked { writer.wakeOne() }
    }

    /// Ends the thread, after the batch that it is at; what waits fails. Call once.
    public func close() {
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        Self.refuse(left)
        writer.stop()
    }

    /// How calls fail that nobody has taken in time.
    public static let busy = StorageFailure.unavailable("the store has been busy for too long")

    /// How calls fail after the end of a store.
    public static let closed = StorageFailure.unavailable("the store is closed")

    private static func refuse(_ items: [Item]) {
        for item in items { item.answer.fulfil(.failed(closed)) }
    }
}
