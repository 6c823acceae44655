// What tells one word of an SMMUv3's event record from another, where a log has lost some: reserved bits and
// what a field cannot hold (Arm IHI 0070, Event records).

extension SMMUFault {
    /// Events whose transactions may wait for software: F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION.
    public static func mayStall(_ number: UInt8) -> Bool { (0x10...0x13).contains(number) }

    /// Events with the page of an intermediate address in their last word.
    static func hasIntermediateAddress(_ number: UInt8) -> Bool { mayStall(number) || number == 0x20 }

    /// Whether a word can be the second of an event: its reserved bits are zero, and it has a class that its
    /// stage can have. Of events of another shape nothing is known.
    public static func isSecondWord(_ word: UInt64, of number: UInt8, needsClass: Bool = true) -> Bool {
        guard shape(number) == .translation else { return true }
        guard word >> 16 & 0x7fff == 0 else { return false }
        let (stage, what) = (word >> 39 & 1, word >> 40 & 3)
        return !mayStall(number) || !needsClass || what == 1 || what == 2 || what == 0 && stage == 1
    }

    /// Whether a word can only be the address of an event, and not the word after it, which has a page or
    /// nothing.
    public static func isSurelyAddress(_ word: UInt64, of number: UInt8) -> Bool {
        // Elsewhere the word after it is the address of a fetch, or whatever was in memory.
        hasIntermediateAddress(number) && word & 0xfff != 0
    }
}
