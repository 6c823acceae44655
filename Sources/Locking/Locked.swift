// A value that only its lock's holder can reach, so that forgetting the lock does not compile.

/// A value that one thread at a time may touch. Hold it for one operation and never while encoding.
///
/// `@unchecked Sendable`: `value` is reached only through `withLock`, while `lock` is held.
public final class Locked<Value>: @unchecked Sendable {
    private let lock = Lock()
    private var value: Value

    public init(_ value: Value) { self.value = value }

    /// Runs `body` with the value, alone. Not reentrant: a nested call on the same lock hangs.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try lock.withLock { () throws(Failure) -> Result in try body(&value) }
    }
}
