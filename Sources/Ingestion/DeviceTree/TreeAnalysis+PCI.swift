// Windows of a PCI host bridge. Mirrors drivers/pci/of.c: devm_of_pci_get_host_bridge_resources, Linux 7.2:
// it skips empty entries and those without a CPU address.

import Machines

extension TreeAnalysis {
    /// `ranges`: what the bridge claims on the bus.
    mutating func outboundWindows(of index: Int) -> [PCIWindow] {
        let windows: [PCIWindow] = entries(.ranges, of: index).compactMap { entry in
            guard let cpu = cpuStart(of: entry, index) else {
                note(
                    .warning, "ranges-untranslatable", tree.nodes[index].path, "ranges",
                    "The window at bus address \(hex(entry.child)) has no CPU address; Linux skips it.")
                return nil
            }
            let kind: PCIWindow.Kind =
                switch entry.spaceCode {
                case 1: .io
                case 2, 3: .memory
                default: .configuration
                }
            return PCIWindow(
                kind: kind, busStart: entry.child, cpuStart: cpu, size: entry.size,
                is64Bit: entry.spaceCode == 3, isPrefetchable: entry.isPrefetchable)
        }
        return windows.joined { $0.extended(by: $1) }
            .filter { !wraps($0.cpuStart, $0.size, .ranges, of: index) }
    }

    /// The bridge's own `dma-ranges`: bus addresses that reach memory.
    mutating func inboundWindows(of index: Int) -> [InboundWindow] {
        var windows: [InboundWindow] = []
        // Only entries of one kind are joined: what lies between them, or differs, keeps them apart, which
        // shows where windows overlap on the CPU's side.
        var previous: RangeEntry?
        for entry in entries(.dmaRanges, of: index) {
            defer { previous = entry }
            guard entry.spaceCode == 2 || entry.spaceCode == 3 else { continue }
            guard let cpu = tree.inboundCPUAddress(of: entry, on: index) else {
                note(
                    .warning, "dma-ranges-untranslatable", tree.nodes[index].path, "dma-ranges",
                    "The inbound window at bus address \(hex(entry.child)) has no CPU address; Linux skips it."
                )
                continue
            }
            let next = InboundWindow(busStart: entry.child, cpuStart: cpu, size: entry.size)
            if previous?.spaceCode == entry.spaceCode, previous?.isPrefetchable == entry.isPrefetchable,
                let one = windows.last?.extended(by: next)
            {
                windows[windows.count - 1] = one
            } else {
                windows.append(next)
            }
        }
        windows = windows.filter { !wraps($0.cpuStart, $0.size, .dmaRanges, of: index) }
        noteOrder(windows, index)
        return windows
    }

    /// The whole, non-empty entries that do not wrap.
    private mutating func entries(_ property: TreeProperty, of index: Int) -> [RangeEntry] {
        let node = tree.nodes[index]
        guard node.has(property) else { return [] }
        guard tree.rangeShape(of: index) != nil else {
            note(
                .error, "cells-unusable", node.path, property.name,
                "#address-cells \(tree.bus(index).addressCells) and #size-cells "
                    + "\(tree.bus(index).sizeCells) are not those of a PCI bus (3 and 2); "
                    + "Linux reads no entry.")
            return []
        }
        return (tree.rangeEntries(property, of: index) ?? []).filter { entry in
            entry.size > 0 && !wraps(entry.child, entry.size, property, of: index)
        }
    }

    /// Whether a window passes 2^64. Linux skips those that do so on the CPU's side (drivers/of/address.c:
    /// __of_address_resource_bounds); what it makes of one that does so on the bus is no range at all.
    private mutating func wraps(_ start: UInt64, _ size: UInt64, _ property: TreeProperty, of index: Int)
        -> Bool
    {
        guard start.addingReportingOverflow(size - 1).overflow else { return false }
        note(
            .error, "\(property.name)-wraps", tree.nodes[index].path, property.name,
            "\(hex(size)) bytes at \(hex(start)) pass 2^64; the entry is not read.")
        return true
    }

    private func cpuStart(of entry: RangeEntry, _ index: Int) -> UInt64? {
        guard let parent = tree.nodes[index].parent else { return entry.parent.value }
        return tree.cpuAddress(of: entry.parent, on: parent, .outbound)
    }

    /// Linux walks the windows in the order of their CPU addresses and fails when their bus addresses are
    /// in another (drivers/iommu/dma-iommu.c: iova_reserve_pci_windows).
    private mutating func noteOrder(_ windows: [InboundWindow], _ index: Int) {
        let byCPU = windows.enumerated().sorted {
            ($0.element.cpuStart, $0.offset) < ($1.element.cpuStart, $1.offset)
        }.map(\.element)
        for (lower, upper) in zip(byCPU, byCPU.dropFirst()) {
            let (next, wraps) = lower.busStart.addingReportingOverflow(lower.size)
            guard wraps || upper.busStart < next else { continue }
            note(
                .error, "dma-ranges-order", tree.nodes[index].path, "dma-ranges",
                "In the order of CPU addresses, the window at bus address \(hex(upper.busStart)) comes after "
                    + "the one at \(hex(lower.busStart)) but is not above it; Linux fails with EINVAL.")
            return
        }
    }
}

// The kernel joins an entry with the one before it when both are alike and continue each other on both
// sides (drivers/of/address.c: of_pci_range_parser_one).

extension Array {
    /// Neighbours joined where `extend` makes one of two.
    fileprivate func joined(_ extend: (Element, Element) -> Element?) -> [Element] {
        reduce(into: []) { joined, next in
            if let last = joined.last, let one = extend(last, next) {
                joined[joined.count - 1] = one
            } else {
                joined.append(next)
            }
        }
    }
}

extension PCIWindow {
    fileprivate func extended(by next: PCIWindow) -> PCIWindow? {
        guard kind == next.kind, is64Bit == next.is64Bit, isPrefetchable == next.isPrefetchable,
            busStart &+ size == next.busStart, cpuStart &+ size == next.cpuStart,
            !size.addingReportingOverflow(next.size).overflow
        else { return nil }
        var one = self
        one.size += next.size
        return one
    }
}

extension InboundWindow {
    fileprivate func extended(by next: InboundWindow) -> InboundWindow? {
        // Two windows that make up the whole space cannot be written as one.
        guard busStart &+ size == next.busStart, cpuStart &+ size == next.cpuStart,
            !size.addingReportingOverflow(next.size).overflow
        else { return nil }
        return InboundWindow(busStart: busStart, cpuStart: cpuStart, size: size + next.size)
    }
}
