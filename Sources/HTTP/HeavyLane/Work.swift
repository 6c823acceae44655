// A computation as those see it who carry it out: whether somebody still waits for its result. Long loops ask
// between their items, so that a client who has left costs no more than one of them.

import Locking

/// One request's computation.
public final class Work: Sendable {
    /// Nobody waits for the result any more.
    public struct Cancelled: Error, Hashable {
        public init() {}
    }

    private let cancelled = Locked(false)

    public init() {}

    /// From any thread, any number of times.
    public func cancel() { cancelled.withLock { $0 = true } }

    public var isCancelled: Bool { cancelled.withLock { $0 } }

    /// To be called between items that take more than some microseconds each.
    public func checkpoint() throws(Cancelled) {
        if isCancelled { throw Cancelled() }
    }
}
