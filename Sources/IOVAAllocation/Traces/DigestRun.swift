// A long random run that is described instead of listed (digest vectors): a seed, weights and phases give
// every operation, and digests of the results stand for them.

public import AddressSpaces
public import LinuxReleases

/// The description of a run.
public struct DigestRun: Sendable {
    public enum Level: String, CaseIterable, Sendable {
        case tree = "rbtree"
        case cached = "fast"
    }

    /// Which of the live allocations is freed.
    public enum Policy: String, CaseIterable, Sendable {
        case fifo, lifo, random
    }

    public struct WeightedSize: Hashable, Sendable {
        public var weight: UInt64
        public var size: UInt64

        public init(weight: UInt64, size: UInt64) {
            self.weight = weight
            self.size = size
        }
    }

    public struct WeightedLimit: Hashable, Sendable {
        public var weight: UInt64
        public var limit: UInt64
        /// `isAligned` at tree level, `flushes` at cached level.
        public var flag: Bool

        public init(weight: UInt64, limit: UInt64, flag: Bool) {
            self.weight = weight
            self.limit = limit
            self.flag = flag
        }
    }

    public struct Phase: Hashable, Sendable {
        /// At least 1.
        public var operations: Int
        /// An operation allocates when a random byte is below this.
        public var allocateBelow: UInt64
        public var policy: Policy

        public init(operations: Int, allocateBelow: UInt64, policy: Policy) {
            self.operations = operations
            self.allocateBelow = allocateBelow
            self.policy = policy
        }
    }

    /// A digest is noted after each so many operations.
    public static let checkpointOperations = 100_000

    public var level = Level.tree
    public var granule = Granule.kib4
    public var startPFN: UInt64 = 1
    public var release = KernelRelease.newest
    public var onlineCPUs = 1
    public var seed: UInt64 = 0
    public var operations = 0
    public var liveMax = 0
    public var reservations: [PageFrameRange] = []
    /// The weights' sum is at least 1, here and in `limits`.
    public var sizes: [WeightedSize] = []
    public var limits: [WeightedLimit] = []
    /// At least one; cycled.
    public var phases: [Phase] = []

    public init() {}
}
