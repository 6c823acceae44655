// A mutual exclusion lock on pthread_mutex, and a value that only the lock's holder can reach, so that
// forgetting the lock does not compile. ThreadSanitizer understands pthread_mutex, while it reports false
// races on Synchronization.Mutex. Not recursive.

import Glibc

/// A lock. `@unchecked Sendable`: the mutex lives at a fixed address and is only touched by pthread calls.
public final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init() {
        mutex = .allocate(capacity: 1)
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init failed with \(code)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` while holding the lock. Keep it short: server threads wait for it.
    public func withLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}

/// A lock that is held over several calls, by the thread that entered. `@unchecked Sendable`: the mutex lives
/// at a fixed address and is only touched by pthread calls.
public final class HeldLock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init() {
        mutex = .allocate(capacity: 1)
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init failed with \(code)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Waits until nobody else is in. Not to be entered twice.
    public func enter() { pthread_mutex_lock(mutex) }

    /// By the thread that entered.
    public func leave() { pthread_mutex_unlock(mutex) }
}

/// A value that one thread at a time may touch. Hold it for one operation and never while encoding.
///
/// `@unchecked Sendable`: the value is reached only through `withLock`, while `lock` is held. It lies behind
/// a pointer of its own: a stored property is looked up, at each access, in the list of those that the thread
/// changes, which takes as many instructions as the lock (64).
public final class Locked<Value>: @unchecked Sendable {
    private let lock = Lock()
    private let value: UnsafeMutablePointer<Value>

    public init(_ value: Value) {
        self.value = .allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
    }

    /// Runs `body` with the value, alone. Not reentrant: a nested call on the same lock hangs.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try lock.withLock { () throws(Failure) -> Result in try body(&value.pointee) }
    }
}
