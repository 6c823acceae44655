// A computation as those see it who carry it out: whether it is still worth its time. Long loops ask between
// their items, so that a client who has left, or who asked for too much, costs no more than one of them.

import Glibc
import Locking

/// One request's computation.
public final class Work: Sendable {
    /// Why a computation ends early.
    public enum Stop: Error, Hashable {
        /// Nobody waits for the result any more.
        case clientGone
        /// It has had all the CPU time that one request gets.
        case overdue(seconds: Int)
    }

    private struct State {
        var isCancelled = false
        var seconds = 0
        /// On the clock of the thread that computes; nil before it begins, and where there is no bound.
        var endNanoseconds: Int64?
        /// When that clock is looked at again, on the monotonic clock.
        var nextLookMicroseconds: Int64 = 0

        /// The end, where it is time to look whether it has come.
        mutating func endToCheck(at now: Int64) -> Int64? {
            guard let endNanoseconds, now >= nextLookMicroseconds else { return nil }
            nextLookMicroseconds = now + Work.lookMicroseconds
            return endNanoseconds
        }
    }

    /// How often a thread's own clock is looked at. The system has to be called for it: twice a host took a
    /// third of a placement's time. The monotonic clock needs no call, and no thread's is faster.
    private static let lookMicroseconds: Int64 = 1_000

    /// nil where nobody cancels and nothing bounds it.
    private let state: Locked<State>?

    public init() { state = Locked(State()) }

    private init(state: Locked<State>?) { self.state = state }

    /// Of what is light: it is answered at once, so that nobody cancels it. One for all of these requests.
    public static let light = Work(state: nil)

    /// From any thread, any number of times.
    public func cancel() {
        guard let state else { preconditionFailure("what is light was cancelled") }
        state.withLock { $0.isCancelled = true }
    }

    public var isCancelled: Bool { state?.withLock { $0.isCancelled } ?? false }

    /// The calling thread computes it from here on, and may take so many seconds of CPU time.
    public func begin(cpuSecondsMax seconds: Int) {
        guard let state else { preconditionFailure("what is light was given a bound") }
        let end = Self.threadNanoseconds() + Int64(seconds) * 1_000_000_000
        state.withLock { ($0.seconds, $0.endNanoseconds) = (seconds, end) }
    }

    /// To be called between items that take more than some microseconds each, on the thread that began.
    public func checkpoint() throws(Stop) {
        guard let state else { return }
        let now = MonotonicClock.microseconds()
        let (isCancelled, end, seconds) = state.withLock { state in
            (state.isCancelled, state.endToCheck(at: now), state.seconds)
        }
        if isCancelled { throw .clientGone }
        if let end, Self.threadNanoseconds() >= end { throw .overdue(seconds: seconds) }
    }

    private static func threadNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
