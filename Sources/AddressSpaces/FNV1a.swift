// FNV-1a-64, the quick digest of long runs of results, as the reference vectors have it. It is no
// cryptographic digest: it tells contents apart that nobody forged.

/// A digest that is fed byte by byte.
public struct FNV1a: Hashable, Sendable {
    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    /// O(1).
    public mutating func feed(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
