// A digest of long contents, eight bytes a step. FNV-1a waits for a multiplication at each byte: for a tree
// of 103 KB that was a seventh of an upload.

/// A digest that is no cryptographic one: it tells contents apart that nobody forged.
public enum WordDigest {
    /// O(bytes). Equal contents of equal length have equal digests, on every machine.
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var value = mixed(0xcbf2_9ce4_8422_2325, UInt64(bytes.count))
        let whole = bytes.count & ~7
        // No step can pass the count, so that none is checked for it.
        for at in stride(from: 0, to: whole, by: 8) {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            value = mixed(value, UInt64(littleEndian: word))
        }
        var rest: UInt64 = 0
        for byte in bytes[whole...] { rest = rest << 8 | UInt64(byte) }
        value = mixed(value, rest)
        return mixed(value, factor)
    }

    /// Odd: 2^64 divided by the golden ratio.
    @usableFromInline
    static var factor: UInt64 { 0x9e37_79b9_7f4a_7c15 }

    /// The product carries upward only, so its high bits are brought down: otherwise the next word could take
    /// back a change of them.
    @inlinable
    package static func mixed(_ value: UInt64, _ word: UInt64) -> UInt64 {
        let product = (value ^ word) &* factor
        return product ^ product >> 29
    }
}
