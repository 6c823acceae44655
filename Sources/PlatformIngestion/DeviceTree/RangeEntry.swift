// One entry of `ranges` or `dma-ranges`: child addresses, parent addresses, size.

struct RangeEntry {
    /// The first cell of a PCI address, nil on other buses.
    let flags: UInt32?
    let child: UInt64
    /// In the parent's address space, not yet the CPU's.
    let parent: UInt64
    let size: UInt64

    /// Bits 25:24 of a PCI address: configuration, I/O, 32-bit memory, 64-bit memory.
    var spaceCode: UInt32? { flags.map { $0 >> 24 & 3 } }
    var isPrefetchable: Bool { (flags ?? 0) & 0x4000_0000 != 0 }
}

extension DeviceTree {
    /// The whole entries of a ranges property of `bus`; cells that do not make an entry are left out, as
    /// the kernel leaves them out. nil when the property is absent or its cell counts make no sense.
    func rangeEntries(_ property: String, of bus: Int) -> [RangeEntry]? {
        guard let value = nodes[bus].property(property), let shape = rangeShape(of: bus),
            work.take(value.count / 4 + 1)
        else { return nil }
        let cells = Self.cells(value)
        guard cells.count >= shape.entry else { return [] }
        return stride(from: 0, to: cells.count - shape.entry + 1, by: shape.entry).map { at in
            let child = cells[at..<at + shape.child]
            let parent = cells[at + shape.child..<at + shape.child + shape.parent]
            let size = cells[at + shape.child + shape.parent..<at + shape.entry]
            let isPCI = shape.kind == .pci
            return RangeEntry(
                flags: isPCI ? child.first : nil,
                child: Self.number(isPCI ? child.dropFirst() : child),
                parent: Self.number(parent.suffix(2)), size: Self.number(size))
        }
    }

    /// Cells of an entry and its parts; nil when a count is out of bounds.
    func rangeShape(of bus: Int) -> (kind: BusKind, child: Int, parent: Int, entry: Int)? {
        let kind = busKind(bus)
        let child = childCells("#address-cells", of: bus)
        let parent = ownCells("#address-cells", of: bus)
        let size = childCells("#size-cells", of: bus)
        let bounds = 1...BusKind.addressCellsMax
        guard bounds.contains(child), bounds.contains(parent), bounds.contains(size) else { return nil }
        if kind == .pci && child != 3 { return nil }
        return (kind, child, parent, child + parent + size)
    }
}
