// The guest and the window of a placement.

public import AddressSpaces
public import Fleet
public import JSON

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
        guard let shape = VMShape(ram: reader.requiredValue("ram"), &reader) else { return nil }
        // GET /v1/vmms/{vmm} answers what the VMM says to this.
        if let maxmem = shape.maxmem, maxmem < shape.ram {
            problems.add(reader.pointer("maxmem"), "out-of-range", "\"maxmem\" is not below \"ram\".")
        }
        return shape
    }

    static func window(
        _ node: JSONNode?, pageSize: Granule, doorbells: Int, _ problems: ProblemList
    ) -> WindowDemand {
        guard let node, var reader = ObjectReader(node, problems) else {
            return WindowDemand(pageSize: pageSize, doorbells: doorbells)
        }
        var size = reader.value("size").flatMap { WindowDemand.size($0, problems) }
        let alignment = reader.value("alignment").flatMap { WindowDemand.alignment($0, problems) }
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

extension WindowDemand {
    /// Bytes of a window; at least one.
    public static func size(_ value: WireValue, _ problems: ProblemList) -> UInt64? {
        guard let size = value.u64(problems) else { return nil }
        if size == 0 { value.add("zero-size", "A window has at least one byte.", problems) }
        return max(size, 1)
    }

    public static func alignment(_ value: WireValue, _ problems: ProblemList) -> Granule? {
        guard let bytes = value.u64(problems) else { return nil }
        guard let alignment = Granule(bytes: bytes) else {
            value.add("not-a-power-of-two", "Send a power of two.", problems)
            return nil
        }
        return alignment
    }
}
