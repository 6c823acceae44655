// One entry of `ranges` or `dma-ranges`: child addresses, parent addresses, size.

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
    func rangeEntries(_ property: String, of index: Int) -> [RangeEntry]? {
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
