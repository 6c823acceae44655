// The one lock of the house: a value behind a pthread mutex. Not `Synchronization.Mutex`, for which
// ThreadSanitizer reports false races, and we run our tests under it.

import Glibc

/// A value that one thread at a time may touch. Hold it for one operation and never while encoding.
///
/// `@unchecked Sendable`: `value` is reached only through `withLock`, between lock and unlock of `mutex`.
public final class Locked<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    public init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        let failed = pthread_mutex_init(mutex, nil)
        precondition(failed == 0, "pthread_mutex_init: \(failed)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the value, alone. Not reentrant: a nested call on the same lock hangs.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
