// What decides a guest's memory map besides the VMM: sizes and switches, with the defaults of the VMMs; and
// why a VMM does not start a guest of some shape, whatever the host's windows.

import AddressSpaces

/// The parameters of one virtual machine. Sizes are bytes.
public struct VMShape: Hashable, Sendable {
    /// Boot memory, 1 ... `sizeMax`.
    public var ram: UInt64
    /// Boot memory and all that may be plugged in later; nil for none.
    public var maxmem: UInt64?
    /// DIMM slots (QEMU), 0 ... `slotsMax`.
    public var slots = 0
    public var vcpus = VMShape.vcpusDefault
    /// Whether BARs are mapped for peer-to-peer DMA.
    public var peerToPeer = true
    /// Guest-physical address bits of the host, 32 ... 52; nil for the default of the VMM.
    public var ipaBits: Int?

    // QEMU virt.
    public var highmem = true
    public var highmemRedists = true
    public var highmemECAM = true
    public var highmemMMIO = true
    /// A power of two, not below 512 GiB.
    public var highmemMMIOSize = VMShape.highmemMMIOSizeDefault
    public var cxl = false

    /// kvmtool `-m SIZE@ADDR`: where RAM starts, not below 2 GiB.
    public var ramBase: UInt64?
    /// crosvm: a protected VM has its firmware below RAM.
    public var isProtected = false

    /// 64 PiB: far above every VMM, far below an overflow of any layout.
    public static let sizeMax: UInt64 = 1 << 56
    public static let slotsMax = 256
    public static let vcpusDefault = 8
    public static let vcpusBounds = 1...512
    public static let ipaBitsBounds = 32...52
    public static let highmemMMIOSizeDefault: UInt64 = 0x80_0000_0000

    /// - Precondition: `ram` is 1 ... `sizeMax`.
    public init(ram: UInt64) {
        precondition((1...Self.sizeMax).contains(ram), "RAM of \(ram) bytes")
        self.ram = ram
    }

    /// Bytes that may be plugged in.
    var hotplugSize: UInt64 { maxmem.map { $0 > ram ? $0 - ram : 0 } ?? 0 }
}

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
