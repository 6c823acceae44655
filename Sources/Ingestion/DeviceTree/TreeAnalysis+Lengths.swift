// Properties whose last entry is cut off. Each is read by whole entries, so that nothing is invented; the
// bytes after them are told here, for every node that this model reads.

import Machines

/// A property that is read by cells, and what becomes of a length that is no multiple of its entry.
enum CellProperty: CaseIterable {
    /// Windows of a bus. Linux reads the whole entries (the reference tree with an odd length says so).
    case ranges
    /// Read here as `ranges` is; no capture shows it.
    case dmaRanges
    /// Read here by whole entries; no capture shows it. A first entry that is cut gives a doorbell no
    /// address, and a reserved region no place.
    case reg
    /// Read here by whole entries up to the cut one, which gives no stream; no capture shows it.
    case iommus
    /// Read here up to the cut entry, which warns: kernels that check the length first translate no ID. A map
    /// that is no whole cells translates none.
    case iommuMap
    /// Refused as a whole, by this model's reading of of_map_id: a map that is cut names no controller.
    case msiMap
    /// Read here by whole cells; no capture shows it.
    case msiParent
    /// Phandles: a cut one names nothing.
    case memoryRegion
    /// A 7.2 kernel reads on behind the property (captured): TreeAnalysis+ReservedMemory.swift.
    case iommuAddresses

    var property: TreeProperty {
        switch self {
        case .ranges: .ranges
        case .dmaRanges: .dmaRanges
        case .reg: .reg
        case .iommus: .iommus
        case .iommuMap: .iommuMap
        case .msiMap: .msiMap
        case .msiParent: .msiParent
        case .memoryRegion: .memoryRegion
        case .iommuAddresses: .iommuAddresses
        }
    }

    /// What is known of Linux, for a finding; nil for maps, whose readers report a cut entry themselves.
    fileprivate var effect: String? {
        switch self {
        case .ranges: "Linux reads the whole entries."
        case .dmaRanges, .reg, .iommus, .msiParent, .memoryRegion:
            "They are not read here; what Linux makes of them is not known."
        case .iommuMap, .msiMap: nil
        case .iommuAddresses: "Linux from 6.3 on reads past the end of such a property."
        }
    }
}

extension TreeAnalysis {
    /// Notes every property of a node that is read here and whose length is no multiple of its entry.
    ///
    /// - Parameter devices: as they were found.
    mutating func noteCutLengths(_ devices: [Device]) {
        let nodes = NodesRead(devices, self)
        for property in CellProperty.allCases where property.effect != nil {
            for index in tree.nodes.flat.nodes(having: property.property)
            where nodes.reads(property, of: index) {
                noteCut(property, of: index)
            }
        }
    }

    private mutating func noteCut(_ property: CellProperty, of index: Int) {
        let node = tree.nodes[index]
        guard let effect = property.effect, let value = node.property(property.property),
            let entryBytes = entryBytes(property, of: index), value.count % entryBytes != 0
        else { return }
        let rest = value.count % entryBytes
        note(
            .error, "\(property.property.name)-odd-length", node.path, property.property.name,
            "\(value.count) bytes are not a multiple of \(entryBytes); the last \(rest) bytes are not read. "
                + effect)
    }

    /// Of one entry, or of a cell where entries have no common length; nil where cell counts make no sense,
    /// which is told elsewhere.
    private func entryBytes(_ property: CellProperty, of index: Int) -> Int? {
        switch property {
        case .ranges, .dmaRanges: return tree.rangeShape(of: index).map { 4 * $0.entry }
        case .reg:
            guard let parent = tree.nodes[index].parent, tree.bus(parent).isReadable else { return nil }
            return 4 * (tree.bus(parent).addressCells + tree.bus(parent).sizeCells)
        case .iommuMap, .msiMap: return nil
        case .iommus, .msiParent, .memoryRegion, .iommuAddresses: return 4
        }
    }
}

/// The nodes of which each property is read.
private struct NodesRead {
    /// Nodes by their places, a flag for each: a tree has thousands at the most.
    private struct Nodes {
        private(set) var flags: [Bool]

        init(_ count: Int) { flags = [Bool](repeating: false, count: count) }

        /// False where it is there already.
        @discardableResult
        mutating func insert(_ index: Int) -> Bool {
            guard !flags[index] else { return false }
            flags[index] = true
            return true
        }

        func forEach(_ body: (Int) -> Void) {
            for index in flags.indices where flags[index] { body(index) }
        }

        func union(_ other: Nodes) -> Nodes {
            var all = self
            other.forEach { all.insert($0) }
            return all
        }
    }

    private var masters: Nodes
    private var functions: Nodes
    /// Nodes whose own addresses are read.
    private var placed: Nodes
    private var regions: Nodes
    /// The nodes themselves, and every bus that their addresses pass.
    private var buses: Nodes

    init(_ devices: [Device], _ analysis: TreeAnalysis) {
        let tree = analysis.tree
        let none = Nodes(tree.nodes.count)
        (masters, functions, placed, regions, buses) = (none, none, none, none, none)
        var ids: Set<String> = []
        for place in devices.indices where devices[place].kind == .pciFunction {
            ids.insert(devices[place].id)
        }
        analysis.smmus.keys.forEach { placed.insert($0) }
        // Of other controllers no address is read.
        for controller in analysis.controllerKinds
        where controller.kind != .other && controller.kind != .preITS {
            placed.insert(controller.node)
        }
        let flat = tree.nodes.flat
        if !ids.isEmpty {
            // Functions without the property are no devices of their own.
            for index in flat.nodes(having: .memoryRegion) where ids.contains(tree.nodes[index].path) {
                functions.insert(index)
            }
        }
        for index in flat.nodes(having: .iommus, .iommuMap) { masters.insert(index) }
        for index in flat.nodes(having: .deviceType) where tree.nodes[index].isMemory { placed.insert(index) }
        masters = masters.union(functions)
        masters.forEach { master in
            for region in (tree.nodes[master].cells(.memoryRegion) ?? []).compactMap({ tree.byPhandle[$0] })
            where tree.nodes[region].has(.iommuAddresses) { regions.insert(region) }
        }
        placed = placed.union(regions)
        var open: [Int] = []
        placed.union(masters).forEach { node in
            open.append(node)
            while let index = open.popLast() {
                guard buses.insert(index) else { continue }
                if let parent = tree.nodes[index].parent { open.append(parent) }
                if let parent = tree.dmaParent(of: index) { open.append(parent) }
            }
        }
    }

    /// Whether the property is read of a node that has it.
    func reads(_ property: CellProperty, of index: Int) -> Bool {
        switch property {
        case .ranges, .dmaRanges: buses.flags[index]
        case .reg: placed.flags[index] || functions.flags[index]
        case .iommus, .iommuMap, .msiMap, .msiParent, .memoryRegion: masters.flags[index]
        case .iommuAddresses: regions.flags[index]
        }
    }
}
