// `iommus` and `iommu-map`: which SMMU sees a master, and under which stream IDs. Mirrors drivers/iommu/
// of_iommu.c and drivers/of/base.c: of_map_id, Linux 7.2.

import Machines

extension TreeAnalysis {
    struct Streams {
        var mappings: [StreamMapping] = []
        /// Why the map translates nothing; nil when it is sound.
        var mapError: String?
        /// Every entry of the map is a placeholder of length 0.
        var isPlaceholder = false
        /// An entry that has a length names an enabled SMMU.
        var reachesEnabledSMMU = false

        /// Why Linux gives nobody an IOMMU through it.
        var missing: MissingIOMMU? {
            if mapError != nil { return .unreadableMap }
            if isPlaceholder { return .placeholder }
            return reachesEnabledSMMU ? nil : .disabled
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
            let arguments = cells[(at + 1)...].prefix(Int(count))
            guard arguments.count == Int(count) else {
                note(
                    .error, "iommus-truncated", node.path, "iommus",
                    "The last entry has \(arguments.count) of \(count) cells.")
                return streams
            }
            at += 1 + Int(count)
            guard let smmu = smmus[target] else { continue }
            streams.mappings.append(StreamMapping(smmu: smmu.id, kind: .specifier(Array(arguments))))
            if smmu.enabled { streams.reachesEnabledSMMU = true }
        }
        return streams
    }

    /// The `iommu-map` entries that name SMMUs.
    mutating func idMap(of index: Int) -> Streams {
        let node = tree.nodes[index]
        var streams = Streams()
        guard let value = node.property(.iommuMap) else { return streams }
        guard value.count % 4 == 0 else {
            return failed(
                &streams, node.path, "iommu-map-odd-length", "\(value.count) bytes are not whole cells")
        }
        let cells = DeviceTree.cells(value)
        let mask = node.cell(.iommuMapMask) ?? .max
        let isOldLayout = hasOldLayout(cells)
        var at = 0
        var lengths: [UInt32] = []
        while at < cells.count {
            guard cells.count - at >= 2 else {
                return failed(&streams, node.path, "iommu-map-truncated", "the last entry is cut short")
            }
            let phandle = cells[at + 1]
            guard let target = tree.byPhandle[phandle] else {
                return failed(
                    &streams, node.path, "phandle-missing", "phandle \(hex(phandle)) does not exist")
            }
            let outputs = isOldLayout ? 1 : Int(min(tree.nodes[target].cell(.iommuCells) ?? 1, 1_024))
            guard cells.count - at >= 3 + outputs else {
                return failed(&streams, node.path, "iommu-map-truncated", "the last entry is cut short")
            }
            let base = cells[at]
            let length = cells[at + 2 + outputs]
            let output = Array(cells[(at + 2)..<(at + 2 + outputs)])
            at += 3 + outputs
            if base & ~mask != 0 {
                return failed(
                    &streams, node.path, "iommu-map-mask", "an id-base has bits outside iommu-map-mask",
                    values: "id-base \(hex(base)), mask \(hex(mask))")
            }
            guard let smmu = smmus[target] else { continue }
            lengths.append(length)
            streams.mappings.append(
                StreamMapping(smmu: smmu.id, kind: .idMap(idBase: base, length: length, output: output)))
            if smmu.enabled, length != 0 { streams.reachesEnabledSMMU = true }
        }
        streams.isPlaceholder = !lengths.isEmpty && lengths.allSatisfy { $0 == 0 }
        return streams
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

    private mutating func failed(
        _ streams: inout Streams, _ path: String, _ code: String, _ what: String, values: String? = nil
    ) -> Streams {
        streams.mapError = what
        streams.mappings = []
        streams.reachesEnabledSMMU = false
        let facts = values.map { " (\($0))" } ?? ""
        note(
            .error, code, path, "iommu-map",
            "\(what)\(facts); Linux translates no ID through this map, so the devices behind it have no IOMMU."
        )
        return streams
    }

    mutating func noteMissing(_ phandle: UInt32, _ path: String, _ property: String) {
        note(.error, "phandle-missing", path, property, "phandle \(hex(phandle)) does not exist.")
    }
}
