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
    public var release = KernelProfile.newest
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

// Makes a digest run, operation by operation, as the vectors describe it.

extension DigestRun {
    private struct Held {
        var pfn: UInt64
        var size: UInt64
    }

    /// Runs on a fresh domain of the given kind. O(operations) calls.
    public func run<Allocator: IOVAAllocator>(
        on type: Allocator.Type
    ) throws(IOVAInputError) -> DigestOutcome {
        var domain = Allocator(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
        for range in reservations { _ = try domain.reserve(range.lo, range.hi) }
        var outcome = DigestOutcome()
        var digest = ResultDigest()
        var random = SplitMix64(seed: seed)
        var live: [Held] = []
        // Elements before this one were freed from the front.
        var front = 0
        var (phase, left) = (0, phases[0].operations)
        for index in 0..<operations {
            if left == 0 {
                phase = (phase + 1) % phases.count
                left = phases[phase].operations
            }
            left -= 1
            let draw = random.next()
            let count = live.count - front
            if count == 0 || (count < liveMax && draw & 0xff < phases[phase].allocateBelow) {
                let held = try allocate(on: &domain, random.next())
                digest.feed(allocation: held?.pfn)
                outcome.allocs += 1
                if let held { live.append(held) } else { outcome.failures += 1 }
                outcome.peakLive = max(outcome.peakLive, live.count - front)
            } else {
                let held = Self.take(from: &live, &front, phases[phase].policy, &random)
                switch level {
                case .tree: try domain.free(held.pfn)
                case .cached: try domain.freeFast(held.pfn, size: held.size)
                }
                outcome.frees += 1
            }
            if (index + 1) % Self.checkpointOperations == 0 { outcome.checkpoints.append(digest.value) }
        }
        outcome.digest = digest.value
        outcome.live = live.count - front
        var final = ResultDigest()
        for range in domain.heldRanges {
            final.feed(range.lo)
            final.feed(range.hi)
            outcome.finalRanges += 1
        }
        outcome.finalDigest = final.value
        return outcome
    }

    private func allocate(
        on domain: inout some IOVAAllocator, _ draw: UInt64
    ) throws(IOVAInputError) -> Held? {
        var rest = (draw & 0xffff_ffff) % sizes.reduce(0) { $0 + $1.weight }
        let size = sizes.first { Self.isPicked(&rest, $0.weight) }!.size
        rest = (draw >> 32) % limits.reduce(0) { $0 + $1.weight }
        let entry = limits.first { Self.isPicked(&rest, $0.weight) }!
        let pfn =
            switch level {
            case .tree: try domain.allocate(size: size, limit: entry.limit, isAligned: entry.flag)
            case .cached: try domain.allocateFast(size: size, limit: entry.limit, flushes: entry.flag)
            }
        return pfn.map { Held(pfn: $0, size: size) }
    }

    /// Walks a weighted list: whether `rest` falls into this entry, else it is reduced for the next.
    private static func isPicked(_ rest: inout UInt64, _ weight: UInt64) -> Bool {
        if rest < weight { return true }
        rest -= weight
        return false
    }

    private static func take(
        from live: inout [Held], _ front: inout Int, _ policy: Policy, _ random: inout SplitMix64
    ) -> Held {
        switch policy {
        case .lifo: return live.removeLast()
        case .fifo:
            let held = live[front]
            front += 1
            if front > live.count / 2 {
                live.removeFirst(front)
                front = 0
            }
            return held
        case .random:
            let place = front + Int(random.next() % UInt64(live.count - front))
            live.swapAt(place, live.count - 1)
            return live.removeLast()
        }
    }
}

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

// FNV-1a over results: long runs and benchmarks are compared by it instead of by lists.

/// FNV-1a-64 of 64-bit numbers, each fed least significant byte first.
public struct ResultDigest: Hashable, Sendable {
    /// What is fed for a failed allocation.
    public static let failure = UInt64.max

    private var digest = FNV1a()
    public var value: UInt64 { digest.value }

    public init() {}

    public mutating func feed(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            digest.feed(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// The first pfn of an allocation, or that it failed.
    public mutating func feed(allocation pfn: UInt64?) { feed(pfn ?? Self.failure) }
}
