// How the addresses of a bus are written in its children's properties: kind and cell counts, inherited from
// the buses above (drivers/of/base.c: of_bus_n_addr_cells, Linux 7.2), and the entries of `ranges` and
// `dma-ranges`. Kinds mirror drivers/of/address.c: of_busses, without ISA, which has no SMMU.

/// How the children of one node write addresses.
struct BusShape {
    let kind: BusKind
    /// `#address-cells` of the node, or of the nearest ancestor that has it, or 1. Taken from the
    /// blob unchecked, so it may be absurd.
    let addressCells: Int
    /// `#size-cells`, likewise.
    let sizeCells: Int

    /// Cells that `of_read_number` can make an address of (drivers/of/address.c: OF_MAX_ADDR_CELLS).
    static let cellsMax = 4

    private init(of node: DeviceTree.Node, below parent: BusShape?) {
        addressCells = node.cell(.addressCells).map(Int.init) ?? parent?.addressCells ?? 1
        sizeCells = node.cell(.sizeCells).map(Int.init) ?? parent?.sizeCells ?? 1
        kind = Self.isPCI(node) ? .pci : addressCells == 3 ? .flagged : .plain
    }

    /// Of a node that says nothing about its children's addresses.
    private init(below parent: BusShape) {
        (addressCells, sizeCells) = (parent.addressCells, parent.sizeCells)
        kind = addressCells == 3 ? .flagged : .plain
    }

    /// By node.
    static func all(of nodes: DeviceTree.Nodes) -> [BusShape] {
        let flat = nodes.flat
        let deciding =
            TreeProperty.addressCells.bit | TreeProperty.sizeCells.bit | TreeProperty.deviceType.bit
        var shapes: [BusShape] = []
        shapes.reserveCapacity(nodes.count)
        for index in flat.nodes.indices {
            let record = flat.nodes[index]
            let parent = record.parent < 0 ? nil : shapes[Int(record.parent)]
            // As nearly all are; the others are asked property by property.
            if let parent, record.held & deciding == 0, !flat.name(of: record, beginsWith: pcieName) {
                shapes.append(BusShape(below: parent))
            } else {
                shapes.append(BusShape(of: nodes[index], below: parent))
            }
        }
        return shapes
    }

    private static let pcieName: StaticString = "pcie"

    private static let pciTypes: [StaticString] = ["pci", "pciex", "vci", "ht"]

    /// `device_type` of a PCI bus, or a node named `pcie` (drivers/of/address.c: of_node_is_pcie).
    private static func isPCI(_ node: DeviceTree.Node) -> Bool {
        if node.has(.deviceType), let type = node.word(.deviceType), pciTypes.contains(where: type.is) {
            return true
        }
        guard node.nameBegins(with: pcieName) else { return false }
        let rest = node.nameBytes.dropFirst(pcieName.utf8CodeUnitCount)
        return rest.isEmpty || rest.first == UInt8(ascii: "@")
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

    /// The same of the cells that begin at an offset of the tree, without a list of them.
    func address(in flat: FlatTree, at offset: Int) -> BusAddress {
        let skipped = kind.hasFlags ? 1 : 0
        let value = (skipped..<max(skipped, addressCells)).reduce(UInt64(0)) {
            $0 << 32 | UInt64(flat.cell(at: offset + 4 * $1))
        }
        return BusAddress(flags: kind.hasFlags ? flat.cell(at: offset) : nil, value: value)
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

struct RangeEntry {
    /// The first cell of an address on a bus that has flags, nil on others.
    let flags: UInt32?
    let child: UInt64
    /// In the parent's address space, not yet the CPU's.
    let parent: BusAddress
    let size: UInt64

    /// Bits 25:24 of a PCI address: configuration, I/O, 32-bit memory, 64-bit memory.
    var spaceCode: UInt32? { flags.map { $0 >> 24 & 3 } }
    var isPrefetchable: Bool { (flags ?? 0) & 0x4000_0000 != 0 }
}

extension DeviceTree {
    /// The whole entries of a ranges property of a bus; cells that do not make an entry are left out, as
    /// the kernel leaves them out. nil when the property is absent or its cell counts make no sense.
    func rangeEntries(_ property: TreeProperty, of index: Int) -> [RangeEntry]? {
        guard let value = nodes[index].property(property), let shape = rangeShape(of: index),
            work.take(value.count / 4 + 1)
        else { return nil }
        let cells = Self.cells(value)
        guard cells.count >= shape.entry else { return [] }
        let bus = self.bus(index)
        let above = ownBus(of: index)
        return stride(from: 0, to: cells.count - shape.entry + 1, by: shape.entry).map { at in
            let start = bus.address(cells[at..<at + shape.child])
            return RangeEntry(
                flags: start.flags, child: start.value,
                parent: above.address(cells[at + shape.child..<at + shape.child + shape.parent]),
                size: Self.number(cells[at + shape.child + shape.parent..<at + shape.entry]))
        }
    }

    /// Cells of an entry and its parts; nil when a count is out of bounds.
    func rangeShape(of index: Int) -> (child: Int, parent: Int, entry: Int)? {
        let bus = self.bus(index)
        let parent = ownBus(of: index).addressCells
        guard bus.isReadable, 1...BusShape.cellsMax ~= parent else { return nil }
        if bus.kind == .pci && bus.addressCells != 3 { return nil }
        return (bus.addressCells, parent, bus.addressCells + parent + bus.sizeCells)
    }
}
