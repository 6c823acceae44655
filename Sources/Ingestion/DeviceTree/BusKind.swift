// What tells apart the buses of a tree. Mirrors drivers/of/address.c: of_busses, Linux 7.2, but for ISA,
// behind which no SMMU stands.

/// The bus types that matter here.
enum BusKind {
    /// A cell of flags before an address of two cells.
    case pci
    /// Three address cells on another bus: the first one is flags as well.
    case flagged
    case plain

    private static let pciFlagsMask: UInt32 = 0x0300_0000

    var hasFlags: Bool { self != .plain }

    /// Whether an address with these flags can lie in a range with those. PCI tells memory from I/O,
    /// other buses want the cells to be the same.
    func matches(_ address: UInt32, _ range: UInt32) -> Bool {
        guard self == .pci else { return address == range }
        let isMemory = { (flags: UInt32) in flags >> 25 & 1 == 1 }
        return (address ^ range) & Self.pciFlagsMask == 0 || isMemory(address) && isMemory(range)
    }
}
