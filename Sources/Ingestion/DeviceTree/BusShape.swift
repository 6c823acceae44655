// How the addresses of a bus are written in its children's properties: kind and cell counts, inherited from
// the buses above (drivers/of/base.c: of_bus_n_addr_cells, Linux 7.2).

/// How the children of one node write addresses.
struct BusShape {
    let kind: BusKind
    /// `#address-cells` of the node, or of the nearest ancestor that has it, or 1. As the blob has it, so
    /// it may be absurd.
    let addressCells: Int
    /// `#size-cells`, likewise.
    let sizeCells: Int

    /// Cells that `of_read_number` can make an address of (drivers/of/address.c: OF_MAX_ADDR_CELLS).
    static let cellsMax = 4

    init(of node: DeviceTree.Node, below parent: BusShape?) {
        addressCells = node.cell("#address-cells").map(Int.init) ?? parent?.addressCells ?? 1
        sizeCells = node.cell("#size-cells").map(Int.init) ?? parent?.sizeCells ?? 1
        kind = Self.isPCI(node) ? .pci : addressCells == 3 ? .flagged : .plain
    }

    /// `device_type` pci, pciex, vci or ht, or a node named `pcie` (drivers/of/address.c: of_node_is_pcie).
    private static func isPCI(_ node: DeviceTree.Node) -> Bool {
        if let type = node.string("device_type"), ["pci", "pciex", "vci", "ht"].contains(type) {
            return true
        }
        return node.name.prefix { $0 != "@" } == "pcie"
    }

    /// Whether addresses on the bus can be translated at all: the kernel wants one to four cells, and sizes
    /// (drivers/of/address.c: OF_CHECK_COUNTS). Those of PCI are fixed.
    var isUsable: Bool { kind == .pci || 1...Self.cellsMax ~= addressCells && sizeCells > 0 }

    /// Whether both counts are such that numbers can be read.
    var isReadable: Bool { 1...Self.cellsMax ~= addressCells && 1...Self.cellsMax ~= sizeCells }

    /// An address of one cell has no upper half to be kept.
    func cut(_ value: UInt64) -> UInt64 {
        kind == .plain && addressCells == 1 ? value & 0xffff_ffff : value
    }

    /// The first of the cells that an address without flags has here.
    func firstCell(_ value: UInt64) -> UInt32 {
        switch addressCells {
        case 1: UInt32(truncatingIfNeeded: value)
        case 2: UInt32(value >> 32)
        default: 0
        }
    }

    /// An address from its cells.
    func address(_ cells: ArraySlice<UInt32>) -> BusAddress {
        BusAddress(
            flags: kind.hasFlags ? cells.first : nil,
            value: DeviceTree.number(kind.hasFlags ? cells.dropFirst() : cells))
    }
}

/// An address on one bus: flags, where the bus has them, and the number.
struct BusAddress {
    var flags: UInt32?
    var value: UInt64
}

extension DeviceTree {
    /// A number from some cells; more than two keep the low 64 bits.
    static func number(_ cells: some Sequence<UInt32>) -> UInt64 {
        cells.reduce(0) { $0 << 32 | UInt64($1) }
    }
}
