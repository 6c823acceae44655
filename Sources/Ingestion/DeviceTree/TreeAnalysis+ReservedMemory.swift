// `memory-region` and `iommu-addresses`: IOVAs that firmware reserves for one device. Mirrors
// drivers/iommu/of_iommu.c: of_iommu_get_resv_regions, Linux 7.2, with its quirks.

import AddressSpaces
import Machines

extension TreeAnalysis {
    /// The regions that name the node, in the order in which the kernel reads them.
    mutating func iommuAddresses(
        of index: Int, onHostBridge: Bool
    ) throws(DeviceTreeError) -> [ReservedRegion] {
        let node = tree.nodes[index]
        unapplied = []
        guard let references = node.cells(.memoryRegion) else { return [] }
        var regions: [ReservedRegion] = []
        for reference in references {
            guard let target = tree.byPhandle[reference] else {
                noteMissing(reference, node.path, "memory-region")
                continue
            }
            guard let value = tree.nodes[target].property(.iommuAddresses) else { continue }
            guard tree.work.take(value.count / 4 + 1) else { break }
            // A region without memory is one thing, one whose memory cannot be placed another.
            guard !tree.nodes[target].has(.reg) || tree.firstRegister(of: target) != nil else {
                note(
                    .error, "reserved-memory-unreadable", tree.nodes[target].path, "reg",
                    "The first entry has no CPU address, so Linux skips the region and what it "
                        + "reserves for \(node.path).")
                continue
            }
            regions += entries(value, in: target, naming: index, onHostBridge)
        }
        guard regions.count <= DeviceTreeLimits.regionsPerDeviceMax else {
            throw .tooManyRegions(limit: DeviceTreeLimits.regionsPerDeviceMax)
        }
        try takeRegions(regions.count)
        return regions
    }

    private mutating func entries(
        _ value: ArraySlice<UInt8>, in region: Int, naming index: Int, _ onHostBridge: Bool
    ) -> [ReservedRegion] {
        let cells = DeviceTree.cells(value)
        let shape = addressShape(for: index)
        let path = tree.nodes[region].path
        let starts = entryStarts(cells, in: region)
        var regions: [ReservedRegion] = []
        var at = 0
        while at < cells.count {
            // The kernel tries every cell that is not part of this node's own entries as a phandle, so cells
            // of other nodes' entries can be mistaken for one.
            guard tree.byPhandle[cells[at]] == index else {
                at += 1
                continue
            }
            let isEntry = starts.known.contains(at)
            if !isEntry { noteMisread(cells[at], at, in: region, naming: index, onHostBridge) }
            let count = shape.address + shape.size
            var entry = cells[(at + 1)...].prefix(count)
            var isMisread = !isEntry && at < starts.end
            if entry.count < count {
                let read = tree.cells(at: value.startIndex + 4 * (at + 1), count: count)
                noteCutOff(entry.count, count, read, in: region, naming: index, onHostBridge)
                guard let read else { break }
                entry = read[...]
                isMisread = true
            }
            at += 1 + entry.count
            guard let (start, length) = translated(entry, shape, for: index) else {
                // Mainline never reads the entries of a host bridge, so only a device's own can crash it.
                note(
                    onHostBridge ? .warning : .error, "iommu-addresses-untranslatable", path,
                    "iommu-addresses",
                    "The address for \(tree.nodes[index].path) does not translate through dma-ranges: "
                        + (onHostBridge
                            ? "mainline does not read it; a kernel that does so for a host bridge would crash."
                            : "Linux up to 6.2 does not read it, 6.12 oopses when the driver binds and hangs, 6.18 and later panic "
                                + "at boot."))
                if !onHostBridge {
                    unapplied.append(
                        UnappliedRegion(reason: .crashesKernel, region: nil, location: path))
                }
                break
            }
            guard var made = made(start, length, by: region, for: index, onHostBridge) else { continue }
            if isMisread, !onHostBridge { made.provenance = .misreadDeviceTreeNode(path: path) }
            regions.append(made)
        }
        return regions
    }

    /// The cells where firmware's entries begin, each as long as the device that it names asks for, and how
    /// far that is known.
    private mutating func entryStarts(_ cells: [UInt32], in region: Int) -> (known: Set<Int>, end: Int) {
        var known: Set<Int> = []
        var at = 0
        while at < cells.count {
            let target = tree.byPhandle[cells[at]]
            if target == nil { noteUnreadable(cells[at], in: region) }
            known.insert(at)
            // An entry that names nothing is taken for one of a device on the root bus, if one follows then.
            let shape = target.map(addressShape) ?? busShape(of: 0)
            let next = at + 1 + shape.address + shape.size
            if target == nil, next != cells.count, next > cells.count || tree.byPhandle[cells[next]] == nil {
                return (known, at + 1)
            }
            at = next
        }
        return (known, cells.count)
    }

    /// Once, however many devices have the region.
    private mutating func noteUnreadable(_ phandle: UInt32, in region: Int) {
        guard unreadableEntries.insert(region).inserted else { return }
        note(
            .error, "phandle-missing", tree.nodes[region].path, "iommu-addresses",
            "phandle \(hex(phandle)) does not exist, so that the end of its entry is not known: Linux looks for the "
                + "phandles of devices cell by cell.")
    }

    private mutating func noteMisread(
        _ phandle: UInt32, _ at: Int, in region: Int, naming index: Int, _ onHostBridge: Bool
    ) {
        note(
            onHostBridge ? .warning : .error, "iommu-addresses-misread", tree.nodes[region].path,
            "iommu-addresses",
            "Cell \(at + 1) is \(hex(phandle)), the phandle of \(tree.nodes[index].path), and no entry is known to begin there: "
                + (onHostBridge
                    ? "mainline does not read the entries of a host bridge."
                    : "Linux takes what follows for an address of that device all the same. Linux up to 6.2 does not read it.")
        )
    }

    /// Linux does not check that the property contains the whole entry: it reads on in the flattened tree
    /// (drivers/of/address.c: of_translate_dma_region, Linux 7.2; a capture of 7.2 reserved the token after
    /// the property).
    private mutating func noteCutOff(
        _ present: Int, _ count: Int, _ read: [UInt32]?, in region: Int, naming index: Int,
        _ onHostBridge: Bool
    ) {
        let effect =
            if onHostBridge {
                "Mainline does not read the entries of a host bridge."
            } else if let read {
                "Linux up to 6.2 does not read it. Later releases do not check this and read past the end of the property. "
                    + "What follows it in this blob is "
                    + read.dropFirst(present).map { "0x" + HexLiteral.digits($0, atLeast: 8) }
                    .joined(separator: ", ")
                    + "; a boot loader that edits the tree changes that."
            } else {
                "Linux up to 6.2 does not read it. Later releases do not check this and read past the end of the tree: what "
                    + "they reserve depends on the memory there, and nothing is reserved here."
            }
        note(
            .error, "iommu-addresses-truncated", tree.nodes[region].path, "iommu-addresses",
            "The entry for \(tree.nodes[index].path) has \(present) of \(count) cells. \(effect)")
    }

    private func addressShape(for index: Int) -> (address: Int, size: Int) {
        busShape(of: tree.dmaParent(of: index) ?? 0)
    }

    private func busShape(of bus: Int) -> (address: Int, size: Int) {
        let bus = tree.bus(bus)
        return (min(bus.addressCells, 16), min(bus.sizeCells, 16))
    }

    private func translated(
        _ entry: ArraySlice<UInt32>, _ shape: (address: Int, size: Int), for index: Int
    ) -> (start: UInt64, length: UInt64)? {
        guard (1...BusShape.cellsMax).contains(shape.address), let bus = tree.dmaParent(of: index)
        else {
            return nil
        }
        let address = tree.bus(bus).address(entry.prefix(shape.address))
        let start = tree.cpuAddress(of: address, on: bus, .inbound)
        return start.map { ($0, DeviceTree.number(entry.suffix(shape.size))) }
    }

    private mutating func made(
        _ start: UInt64, _ length: UInt64, by region: Int, for index: Int, _ onHostBridge: Bool
    ) -> ReservedRegion? {
        let path = tree.nodes[region].path
        guard length > 0 else {
            note(
                .warning, "iommu-addresses-empty", path, "iommu-addresses",
                "The region for \(tree.nodes[index].path) has a length of 0; Linux skips it.")
            return nil
        }
        guard !start.addingReportingOverflow(length - 1).overflow else {
            note(
                .error, "iommu-addresses-wraps", path, "iommu-addresses",
                "\(hex(length)) bytes at \(hex(start)) pass 2^64; Linux would reserve the wrong pages. "
                    + "The region is left out.")
            return nil
        }
        var kind = ReservedRegion.Kind.reserved
        if let memory = tree.firstRegister(of: region), memory.size > 1 {
            if memory.start == start, memory.size == length {
                kind = .direct
            } else {
                note(
                    .warning, "iommu-addresses-not-direct", path, "iommu-addresses",
                    "reg and iommu-addresses differ; Linux treats the mapping as a reservation.")
            }
        }
        if onHostBridge {
            note(
                .warning, "iommu-addresses-on-host-bridge", path, "iommu-addresses",
                "The region names the host bridge \(tree.nodes[index].path); mainline does not apply it to the "
                    + "functions below.")
        }
        return ReservedRegion(
            kind: kind, start: start, length: length,
            provenance: onHostBridge ? .hostBridgeNode(path: path) : .deviceTreeNode(path: path))
    }
}
