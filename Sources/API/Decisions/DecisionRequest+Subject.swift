// Whom a question is about: a device of a platform, or regions given inline; and its neighbours.

public import AddressSpaces
import Ingestion
public import JSON
import Machines

extension DecisionRequest {
    static func subject(_ reader: inout ObjectReader, _ problems: ProblemList) -> Subject? {
        let platform = reader.optional("platform")
        let device = reader.optional("device")
        let inline = ["reserved_regions", "iova_ranges", "dma_limit", "pci"].compactMap {
            reader.optional($0)
        }
        if platform != nil || device != nil {
            for node in inline {
                problems.add(node.pointer, "conflict", "Send \"platform\" and \"device\", or this, not both.")
            }
            let id = (platform ?? reader.required("platform"))?.string(
                bytesMax: Limits.platformIDBytesMax, problems)
            let name = (device ?? reader.required("device"))?.string(bytesMax: Limits.nameBytesMax, problems)
            guard let id, let name else { return nil }
            return .platform(id: id, device: name)
        }
        guard !inline.isEmpty else {
            problems.add(
                reader.pointer("platform"), "required",
                "Send \"platform\" and \"device\", or \"reserved_regions\" (with \"iova_ranges\", \"dma_limit\")."
            )
            return nil
        }
        let ranges = reader.node.member("iova_ranges")?
            .elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) }
        return .inline(Self.device(&reader, id: "inline", problems), usable: ranges)
    }

    /// A device that is known by its regions: PCI unless the caller says otherwise.
    private static func device(
        _ reader: inout ObjectReader, id: String, _ problems: ProblemList
    ) -> Device {
        let regions =
            reader.optional("reserved_regions")?.elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { ReservedRegion($0, problems) } ?? []
        let limit = reader.optional("dma_limit").map { $0.u64(problems) } ?? .max
        let isPCI = reader.optional("pci").map { $0.bool(problems) } ?? true
        return Device(
            id: id, kind: isPCI == false ? .group : .pciFunction, dmaLimit: limit ?? .max,
            firmwareRegions: regions.withoutDriverWindowNamedMSI())
    }

    /// `group_mates` and `attached`.
    mutating func readMembers(_ reader: inout ObjectReader, _ problems: ProblemList) {
        if let node = reader.optional("group_mates"), var mates = ObjectReader(node, problems) {
            matesBefore = members(mates.optional("before"), Limits.groupMatesMax, problems)
            matesAfter = members(mates.optional("after"), Limits.groupMatesMax, problems)
            mates.finish()
        }
        if let node = reader.node.member("attached") {
            _ = reader.optional("attached")
            attached = members(node, Limits.attachedGroupsMax, problems)
        }
    }

    /// Device ids of the same platform, or objects like an inline subject.
    private func members(_ node: JSONNode?, _ countMax: Int, _ problems: ProblemList) -> [Member] {
        guard let nodes = node?.elements(countMax: countMax, problems) else { return [] }
        return nodes.enumerated().compactMap { index, node in
            guard node.kind == .object else {
                guard let name = node.string(bytesMax: Limits.nameBytesMax, problems) else { return nil }
                return .named(name, pointer: node.pointer)
            }
            guard var reader = ObjectReader(node, problems) else { return nil }
            let device = Self.device(&reader, id: "inline \(node.pointer)", problems)
            reader.finish()
            return .inline(device)
        }
    }
}

extension IOVARange {
    /// `{"start", "last"|"size"}`.
    public init?(wire node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        reader.finish()
        guard let range else { return nil }
        self.init(proven: range.start, range.last)
    }
}
