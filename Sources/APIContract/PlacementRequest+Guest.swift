// The guest and the window of a placement.

import AddressSpaces
import FleetQueries
import WireJSON

extension PlacementRequest {
    private static let vmms = VMM.allCases.map { (word: $0.rawValue, value: $0) }
    private static let viommus = GuestDemand.VIOMMU.allCases.map { (word: $0.rawValue, value: $0) }
    private static let mapKinds = GuestDemand.MapEntry.Kind.allCases.map { (word: $0.rawValue, value: $0) }

    static func guest(_ node: JSONNode, _ problems: ProblemList) -> GuestDemand? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let viommu = reader.optional("viommu")?.choice(viommus, problems) ?? .none
        let pinned =
            reader.optional("pinned_bars")?.elements(countMax: Limits.memoryMapEntriesMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) } ?? []
        if let map = reader.optional("memory_map") {
            for name in ["vmm", "ram"] {
                if let other = reader.optional(name) {
                    problems.add(
                        other.pointer, "conflict", "Send \"vmm\" and \"ram\", or \"memory_map\", not both.")
                }
            }
            let peerToPeer = reader.optional("p2p").map { $0.bool(problems) ?? true } ?? true
            let entries = entries(map, problems) + pinned.map { .init(range: $0, kind: .pinnedBAR) }
            reader.finish()
            return GuestDemand(map: entries, peerToPeer: peerToPeer, viommu: viommu)
        }
        let vmm = reader.required("vmm")?.choice(vmms, problems)
        let shape = shape(&reader, problems)
        reader.finish()
        guard let vmm, let shape else { return nil }
        return GuestDemand(vmm, shape, viommu: viommu, pinnedBARs: pinned)
    }

    private static func entries(_ node: JSONNode, _ problems: ProblemList) -> [GuestDemand.MapEntry] {
        let nodes = node.elements(countMax: Limits.memoryMapEntriesMax, problems) ?? []
        return nodes.compactMap { node in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let range = reader.range()
            let kind = reader.optional("kind").map { $0.choice(mapKinds, problems) } ?? .ram
            reader.finish()
            guard let range, let kind else { return nil }
            return GuestDemand.MapEntry(range: IOVARange(proven: range.start, range.last), kind: kind)
        }
    }

    private static func shape(_ reader: inout ObjectReader, _ problems: ProblemList) -> VMShape? {
        let ram = reader.required("ram")
        let size = ram?.u64(problems)
        var shape: VMShape?
        if let ram, let size {
            if (1...VMShape.sizeMax).contains(size) {
                shape = VMShape(ram: size)
            } else {
                problems.add(ram.pointer, "out-of-range", "Send 1 to \(VMShape.sizeMax) bytes.")
            }
        }
        for parameter in VMParameter.all {
            guard let node = reader.optional(parameter.name),
                let value = value(parameter.bounds, node, problems)
            else { continue }
            var checked = shape ?? VMShape(ram: 1)
            if let fault = parameter.set(value, in: &checked) {
                problems.add(node.pointer, "out-of-range", fault)
            } else if shape != nil {
                shape = checked
            }
        }
        if let made = shape, let maxmem = made.maxmem, maxmem < made.ram {
            problems.add(reader.pointer("maxmem"), "out-of-range", "\"maxmem\" is not below \"ram\".")
        }
        return shape
    }

    private static func value(
        _ bounds: VMParameter.Bounds, _ node: JSONNode, _ problems: ProblemList
    ) -> VMParameter.Value? {
        switch bounds {
        case .size: node.u64(problems).map { .size($0) }
        case .count(let bounds): node.int(in: bounds, problems).map { .count($0) }
        case .flag: node.bool(problems).map { .flag($0) }
        }
    }

    static func window(
        _ node: JSONNode?, pageSize: Granule, doorbells: Int, _ problems: ProblemList
    ) -> WindowDemand {
        guard let node, var reader = ObjectReader(node, problems) else {
            return WindowDemand(pageSize: pageSize, doorbells: doorbells)
        }
        var size = reader.optional("size").flatMap { node -> UInt64? in
            guard let size = node.u64(problems) else { return nil }
            if size == 0 { problems.add(node.pointer, "zero-size", "A window has at least one byte.") }
            return max(size, 1)
        }
        let alignment = reader.optional("alignment").flatMap { node -> Granule? in
            guard let bytes = node.u64(problems) else { return nil }
            guard let alignment = Granule(bytes: bytes) else {
                problems.add(node.pointer, "not-a-power-of-two", "Send a power of two.")
                return nil
            }
            return alignment
        }
        let requested = reader.optional("requested")?.u64(problems)
        let isMovable = reader.optional("movable").map { $0.bool(problems) ?? true } ?? true
        let is32BitOnly = reader.optional("msi_32bit_only").map { $0.bool(problems) ?? false } ?? false
        reader.finish()
        if let given = size, given > Limits.windowBytesMax {
            problems.add(
                reader.pointer("size"), "out-of-range", "At most \(Limits.windowBytesMax) bytes are planned.")
            size = nil
        }
        return WindowDemand(
            size: size, alignment: alignment, requested: requested, isMovable: isMovable,
            is32BitOnly: is32BitOnly, pageSize: pageSize, doorbells: doorbells)
    }
}
