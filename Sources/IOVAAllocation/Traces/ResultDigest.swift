// FNV-1a over results: long runs and benchmarks are compared by it instead of by lists.

/// FNV-1a-64 of 64-bit numbers, each fed least significant byte first.
public struct ResultDigest: Hashable, Sendable {
    /// What is fed for a failed allocation.
    public static let failure = UInt64.max

    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    public mutating func feed(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            value = (value ^ (rest & 0xff)) &* 0x100_0000_01b3
            rest >>= 8
        }
    }

    /// The first pfn of an allocation, or that it failed.
    public mutating func feed(allocation pfn: UInt64?) { feed(pfn ?? Self.failure) }
}
