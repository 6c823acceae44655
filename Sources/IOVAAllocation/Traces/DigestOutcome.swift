// What a digest run came to.

/// Digests and counts of a run, as digest vectors publish them.
public struct DigestOutcome: Hashable, Sendable {
    /// After every operation.
    public var digest: UInt64 = 0
    /// After every `DigestRun.checkpointOperations`.
    public var checkpoints: [UInt64] = []
    /// Over lo and hi of each held range, ascending.
    public var finalDigest: UInt64 = 0
    public var finalRanges = 0
    /// Attempts, failed ones as well.
    public var allocs = 0
    public var failures = 0
    public var frees = 0
    public var live = 0
    public var peakLive = 0

    public init() {}
}
