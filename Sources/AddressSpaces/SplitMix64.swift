// splitmix64, the random numbers of digest vectors, benchmark workloads and tests, so that equal seeds are
// equal work. Its mixing step alone spreads counters over all 64 bits.

/// splitmix64. Seed 0 gives 0xe220a8397b1dcdaf first.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// O(1).
    public mutating func next() -> UInt64 {
        defer { state &+= Self.step }
        return Self.mix(state)
    }

    /// The first number of seed `value`: other values give others. O(1).
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ step
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
