// How the addresses of a bus are written in its children's properties.

/// The two bus types that matter here: PCI puts a cell of flags before the address.
enum BusKind {
    case pci, plain

    static let pciFlagsMask: UInt32 = 0x0300_0000

    /// Cells that `of_read_number` can make an address of (drivers/of/address.c: OF_MAX_ADDR_CELLS).
    static let addressCellsMax = 4
}

extension DeviceTree {
    /// `device_type` pci, pciex, vci or ht, or a node named `pcie` (drivers/of/address.c: of_node_is_pcie).
    func isPCI(_ index: Int) -> Bool {
        let node = nodes[index]
        if let type = node.string("device_type"), ["pci", "pciex", "vci", "ht"].contains(type) {
            return true
        }
        return node.name.prefix { $0 != "@" } == "pcie"
    }

    func busKind(_ index: Int) -> BusKind { isPCI(index) ? .pci : .plain }

    /// A number from some cells; more than two keep the low 64 bits.
    static func number(_ cells: some Sequence<UInt32>) -> UInt64 {
        cells.reduce(0) { $0 << 32 | UInt64($1) }
    }
}
