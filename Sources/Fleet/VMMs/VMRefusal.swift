// Why a VMM does not start a guest of some shape, whatever the host's windows.

import AddressSpaces

/// A shape that the VMM refuses.
public enum VMRefusal: Error, Hashable, Sendable {
    /// More RAM than the machine can have.
    case ramLimit(machine: String, limit: UInt64)
    /// The memory ends beyond the guest's physical address bits.
    case addressBits(bits: Int, excess: UInt64)
    case maxmemBelowRAM(ram: UInt64, maxmem: UInt64)
    case ramBaseTooLow(minimum: UInt64)

    /// One sentence.
    public var text: String {
        switch self {
        case .ramLimit(let machine, let limit): "\(machine): RAM is limited to \(limit >> 30) GiB."
        case .addressBits(let bits, let excess):
            "Addressing is limited to \(bits) bits, but the memory exceeds it by \(excess) bytes."
        case .maxmemBelowRAM(let ram, let maxmem):
            "maxmem \(HexLiteral.text(maxmem)) is below the RAM of \(HexLiteral.text(ram)) bytes."
        case .ramBaseTooLow(let minimum): "RAM cannot start below \(HexLiteral.text(minimum))."
        }
    }

    /// The largest RAM that the VMM itself would take, where this is what it refuses for.
    public var ramLimit: UInt64? {
        if case .ramLimit(_, let limit) = self { limit } else { nil }
    }
}
