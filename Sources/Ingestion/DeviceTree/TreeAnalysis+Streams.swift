// `iommus` and `iommu-map`: which SMMU sees a master, and under which stream IDs. Mirrors drivers/iommu/
// of_iommu.c and drivers/of/base.c: of_map_id, Linux 7.2.

import Machines

extension TreeAnalysis {
    struct Streams {
        var mappings: [StreamMapping] = []
        /// The map has a mistake. Linux reads entry by entry, so those before it translate their IDs.
        var hasMistake = false
        /// The mistake is that the last entry is cut off, which kernels before variable entries notice first.
        var isCut = false
        /// Every entry of the map is a placeholder of length 0.
        var isPlaceholder = false
        /// An entry that has a length names an enabled SMMU.
        var reachesEnabledSMMU = false
        /// An entry that has a length names a disabled one.
        var reachesDisabledSMMU = false

        /// Why Linux gives nobody an IOMMU through it.
        func missing(_ property: TreeProperty) -> MissingIOMMU? {
            if hasMistake, mappings.isEmpty { return .unreadableMap }
            if isPlaceholder { return .placeholder }
            if !reachesEnabledSMMU { return .disabled }
            if hasMistake { return isCut ? .cutMap : .partlyReadable }
            guard reachesDisabledSMMU else { return nil }
            return property == .iommus ? .besideDisabled : .partlyDisabled
        }

        fileprivate mutating func add(_ smmu: SMMU, _ kind: StreamMapping.Kind) {
            mappings.append(StreamMapping(smmu: smmu.id, kind: kind))
            if case .idMap(_, 0, _) = kind { return }
            if smmu.enabled { reachesEnabledSMMU = true } else { reachesDisabledSMMU = true }
        }
    }

    /// The `iommus` entries that name SMMUs.
    mutating func specifiers(of index: Int) -> Streams {
        let node = tree.nodes[index]
        var streams = Streams()
        guard let cells = node.cells(.iommus) else { return streams }
        var at = 0
        while at < cells.count {
            guard let target = tree.byPhandle[cells[at]] else {
                noteMissing(cells[at], node.path, "iommus")
                return streams
            }
            guard let count = tree.nodes[target].cell(.iommuCells), count <= 16 else {
                note(
                    .error, "iommu-cells-unusable", node.path, "iommus",
                    "\(tree.nodes[target].path) has no usable #iommu-cells, so the entry cannot be read.")
                return streams
            }
            let first = at + 1
            guard cells.count - first >= Int(count) else {
                note(
                    .error, "iommus-truncated", node.path, "iommus",
                    "The last entry has \(cells.count - first) of \(count) cells.")
                return streams
            }
            at = first + Int(count)
            guard let smmu = smmus[target] else { continue }
            streams.add(smmu, .specifier(Array(cells[first..<at])))
        }
        return streams
    }

    /// The `iommu-map` entries that name SMMUs, up to the first that Linux cannot read.
    mutating func idMap(of index: Int) -> Streams {
        let node = tree.nodes[index]
        var streams = Streams()
        guard let value = node.property(.iommuMap) else { return streams }
        guard value.count % 4 == 0 else {
            note(
                MapMistake("iommu-map-odd-length", "\(value.count) bytes are not whole cells"), in: node.path,
                &streams)
            return streams
        }
        let cells = DeviceTree.cells(value)
        let mask = node.cell(.iommuMapMask) ?? .max
        let isOldLayout = hasOldLayout(cells)
        var at = 0
        while at < cells.count {
            do throws(MapMistake) {
                let entry = try mapEntry(cells[at...], mask, isOldLayout: isOldLayout)
                at += entry.count
                guard let smmu = smmus[entry.target] else { continue }
                streams.add(smmu, entry.kind)
            } catch {
                note(error, in: node.path, &streams)
                break
            }
        }
        streams.isPlaceholder = !streams.mappings.isEmpty && streams.mappings.allSatisfy(\.isPlaceholder)
        return streams
    }

    /// Why Linux stops reading an `iommu-map`.
    private struct MapMistake: Error {
        let code: String
        let what: String
        /// For the finding: the numbers.
        let values: String?
        var isCut = false

        init(_ code: String, _ what: String, _ values: String? = nil) {
            self.code = code
            self.what = what
            self.values = values
        }

        static var cut: MapMistake {
            var mistake = MapMistake("iommu-map-truncated", "the last entry is cut short")
            mistake.isCut = true
            return mistake
        }
    }

    /// The entry at the start of `cells`: the node that it names, what it maps, and how many cells it takes.
    private func mapEntry(
        _ cells: ArraySlice<UInt32>, _ mask: UInt32, isOldLayout: Bool
    ) throws(MapMistake) -> (target: Int, kind: StreamMapping.Kind, count: Int) {
        let at = cells.startIndex
        guard cells.count >= 2 else { throw .cut }
        let phandle = cells[at + 1]
        guard let target = tree.byPhandle[phandle] else {
            throw MapMistake("phandle-missing", "phandle \(hex(phandle)) does not exist")
        }
        let outputs = isOldLayout ? 1 : Int(min(tree.nodes[target].cell(.iommuCells) ?? 1, 1_024))
        guard cells.count >= 3 + outputs else { throw .cut }
        let base = cells[at]
        guard base & ~mask == 0 else {
            throw MapMistake(
                "iommu-map-mask", "an id-base has bits outside iommu-map-mask",
                "id-base \(hex(base)), mask \(hex(mask))")
        }
        let kind = StreamMapping.Kind.idMap(
            idBase: base, length: cells[at + 2 + outputs], output: Array(cells[(at + 2)..<(at + 2 + outputs)])
        )
        return (target, kind, 3 + outputs)
    }

    /// Entries of four cells for an SMMU with two: trees of old counted one output cell whatever the SMMU
    /// says. The kernel takes them for such when all name one SMMU and all have length 1.
    private func hasOldLayout(_ cells: [UInt32]) -> Bool {
        guard cells.count >= 4, cells.count % 4 == 0, let target = tree.byPhandle[cells[1]],
            tree.nodes[target].cell(.iommuCells) == 2
        else { return false }
        return stride(from: 0, to: cells.count, by: 4).allSatisfy {
            cells[$0 + 1] == cells[1] && cells[$0 + 3] == 1
        }
    }

    private mutating func note(_ mistake: MapMistake, in path: String, _ streams: inout Streams) {
        streams.hasMistake = true
        streams.isCut = mistake.isCut
        let facts = mistake.values.map { " (\($0))" } ?? ""
        let effect =
            streams.mappings.isEmpty
            ? "Linux translates no ID through this map, so the devices behind it have no IOMMU."
            : mistake.isCut
                ? "some kernels translate no ID through this map, others those that the entries before hold; "
                    + "other devices behind it have no IOMMU."
                : "Linux translates the IDs that the entries before hold and no other, so other devices behind "
                    + "it have no IOMMU."
        note(.error, mistake.code, path, "iommu-map", "\(mistake.what)\(facts); \(effect)")
    }

    mutating func noteMissing(_ phandle: UInt32, _ path: String, _ property: String) {
        note(.error, "phandle-missing", path, property, "phandle \(hex(phandle)) does not exist.")
    }
}
