// Addresses from one bus to the next, up to the CPU. Mirrors drivers/of/address.c:
// __of_translate_address and of_dma_get_range, Linux 7.2.

extension DeviceTree {
    enum Direction {
        /// Registers: `ranges`, up the tree. A bus without the property cannot be passed.
        case outbound
        /// DMA: `dma-ranges`, up the DMA parents. A bus without the property passes addresses as they are.
        case inbound

        var property: TreeProperty {
            switch self {
            case .outbound: .ranges
            case .inbound: .dmaRanges
            }
        }
    }

    /// An address as the children of `bus` write it, translated to the CPU's; nil where it cannot be.
    func cpuAddress(of address: BusAddress, on bus: Int, _ direction: Direction) -> UInt64? {
        guard self.bus(bus).isUsable else { return nil }
        var address = address
        var at: Int? = bus
        // A tree of DMA parents may be drawn as a circle; no honest one is deeper than this.
        for _ in 0...DeviceTreeLimits.depthMax {
            guard let current = at, let parent = upstream(of: current, direction) else {
                return address.value
            }
            guard self.bus(parent).isUsable, let next = translate(address, through: current, direction) else {
                return nil
            }
            // Where nothing gives the flags, the address's own first cell is taken for them.
            address.flags =
                self.bus(parent).kind.hasFlags ? next.flags ?? self.bus(current).firstCell(next.value) : nil
            address.value = ownBus(of: current).cut(next.value)
            at = parent
        }
        return nil
    }

    /// One step: through `bus` to its parent. A range that is found gives the flags on the other side.
    private func translate(_ address: BusAddress, through bus: Int, _ direction: Direction) -> BusAddress? {
        guard let property = nodes[bus].property(direction.property) else {
            return direction == .inbound ? address : nil
        }
        if property.isEmpty { return address }
        guard let entries = rangeEntries(direction.property, of: bus) else { return nil }
        let kind = self.bus(bus).kind
        for entry in entries {
            guard address.value >= entry.child, address.value - entry.child < entry.size else { continue }
            if let mine = address.flags, let theirs = entry.flags, !kind.matches(mine, theirs) { continue }
            return BusAddress(
                flags: entry.parent.flags, value: entry.parent.value &+ (address.value - entry.child))
        }
        return nil
    }

    private func upstream(of bus: Int, _ direction: Direction) -> Int? {
        switch direction {
        case .outbound: nodes[bus].parent
        case .inbound: dmaParent(of: bus)
        }
    }

    /// Who carries the node's DMA: the interconnect named "dma-mem", else the parent (drivers/of/address.c:
    /// __of_get_dma_parent).
    func dmaParent(of index: Int) -> Int? {
        let node = nodes[index]
        // Hardly any node has the property.
        if node.has(.interconnectNames),
            let named = node.words(.interconnectNames).enumerated().first(where: {
                $0.element.is("dma-mem")
            }),
            let target = interconnect(named.offset, of: node)
        {
            return target
        }
        return node.parent
    }

    private func interconnect(_ place: Int, of node: Node) -> Int? {
        guard let cells = node.cells(.interconnects) else { return nil }
        var at = 0
        var entry = 0
        while at < cells.count {
            // A phandle of 0 is an entry left empty; it counts, and has no arguments.
            let isEmpty = cells[at] == 0
            let target = byPhandle[cells[at]]
            let arguments = isEmpty ? 0 : target.flatMap { nodes[$0].cell(.interconnectCells) }
            guard let arguments, arguments <= 16 else { return nil }
            at += 1 + Int(arguments)
            if entry == place { return at <= cells.count ? target : nil }
            entry += 1
        }
        return nil
    }

    /// The register windows of a node as CPU addresses; entries that cannot be translated, are empty or
    /// wrap are left out.
    func registers(of index: Int) -> [(start: UInt64, size: UInt64)] {
        registerEntries(of: index, atMost: .max).compactMap { $0 }
    }

    /// The first register window; nil when it cannot be translated or wraps.
    func firstRegister(of index: Int) -> (start: UInt64, size: UInt64)? {
        registerEntries(of: index, atMost: 1).first ?? nil
    }

    /// The entries of `reg`, with nil for what is left out.
    private func registerEntries(of index: Int, atMost count: Int) -> [(start: UInt64, size: UInt64)?] {
        guard let value = nodes[index].property(.reg), let parent = nodes[index].parent else { return [] }
        let bus = self.bus(parent)
        guard bus.isReadable else { return [] }
        let width = bus.addressCells + bus.sizeCells
        // One entry of a long list is asked for often, so no more is taken apart than is wanted.
        let wanted = min(value.count / (4 * width), count)
        let cells = Self.cells(value.prefix(wanted * 4 * width))
        return stride(from: 0, to: cells.count, by: width).map { at in
            let child = bus.address(cells[at..<at + bus.addressCells])
            let size = Self.number(cells[at + bus.addressCells..<at + width])
            guard let start = cpuAddress(of: child, on: parent, .outbound) else { return nil }
            guard size == 0 || !start.addingReportingOverflow(size - 1).overflow else { return nil }
            return (start, size)
        }
    }

    /// Whether the node's DMA is cache coherent (drivers/of/address.c: of_dma_is_coherent).
    func isDMACoherent(_ index: Int) -> Bool {
        var at: Int? = index
        for _ in 0...DeviceTreeLimits.depthMax {
            guard let current = at else { return false }
            if nodes[current].has(.dmaCoherent) { return true }
            if nodes[current].has(.dmaNoncoherent) { return false }
            at = dmaParent(of: current)
        }
        return false
    }

    /// The node whose `dma-ranges` governs DMA that starts at `bus`. The first node may lack the property;
    /// any later one that lacks it ends the search with nothing. An empty property passes the search on.
    func governingDMARanges(from bus: Int?) -> Int? {
        var at = bus
        var mayLack = true
        for _ in 0...DeviceTreeLimits.depthMax {
            guard let current = at else { return nil }
            if let value = nodes[current].property(.dmaRanges) {
                if !value.isEmpty { return current }
            } else if !mayLack {
                return nil
            }
            mayLack = false
            at = dmaParent(of: current)
        }
        return nil
    }

    /// Highest DMA address that the governing `dma-ranges` lets through; nil when nothing limits.
    func dmaLimit(from bus: Int?) -> UInt64? {
        guard let governor = governingDMARanges(from: bus),
            let entries = rangeEntries(.dmaRanges, of: governor)
        else { return nil }
        let ends = entries.compactMap { entry -> UInt64? in
            guard entry.size > 0, inboundCPUAddress(of: entry, on: governor) != nil else { return nil }
            let (last, wraps) = entry.child.addingReportingOverflow(entry.size - 1)
            return wraps ? .max : last
        }
        return ends.max()
    }

    /// Where an entry of `dma-ranges` of `bus` leads as the CPU sees it.
    func inboundCPUAddress(of entry: RangeEntry, on bus: Int) -> UInt64? {
        guard let parent = dmaParent(of: bus) else { return entry.parent.value }
        return cpuAddress(of: entry.parent, on: parent, .inbound)
    }
}
