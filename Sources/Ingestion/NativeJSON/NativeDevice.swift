// One device of the native model, with the ranges that VFIO or iommufd offered for it on a running host.
// Those are what user space may map, so they leave out the driver's own window; ranges that were read before
// a device was attached say nothing, which becomes a finding. Mirrors VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE
// and IOMMU_IOAS_IOVA_RANGES, include/uapi/linux/vfio.h and iommufd.h, Linux 7.2.

import AddressSpaces
import JSON
import Machines

enum NativeDevice {
    static func read(_ node: JSONNode, _ problems: ProblemList, _ findings: inout FindingList) -> Device? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let id = reader.required("id")?.line(bytesMax: NativePlatform.nameBytesMax, problems)
        if id?.isEmpty == true {
            problems.add(reader.pointer("id"), "empty", NativePlatform.emptyID)
        }
        let kinds = Device.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let kind = reader.required("kind")?.choice(kinds, problems)
        let active = reader.optional("active").map { $0.bool(problems) } ?? true
        let smmus = NativePlatform.names(reader.optional("smmus"), problems)
        let controllers = NativePlatform.names(reader.optional("msi_controllers"), problems)
        let limit = reader.optional("dma_limit").map { $0.u64(problems) } ?? .max
        let coherent = reader.optional("dma_coherent").map { $0.bool(problems) } ?? false
        let compatible = NativePlatform.names(reader.optional("compatible"), problems)
        let max = NativePlatform.listMax
        let windows = NativePlatform.list(reader.optional("pci_windows"), max: max, problems) {
            PCIWindow($0, problems)
        }
        let inbound = NativePlatform.list(reader.optional("dma_ranges"), max: max, problems) {
            InboundWindow($0, problems)
        }
        let regions = NativePlatform.list(reader.optional("reserved_regions"), max: max, problems) {
            ReservedRegion(
                $0, kinds: ReservedRegion.Kind.firmwareWords, from: "platform description", problems)
        }
        let firmware = regions.withoutDriverWindowNamedMSI()
        for (region, told) in zip(regions, regions.tellingMSIsApart()) where region.kind != told.kind {
            findings.note(
                .warning, "msi-ambiguous", id ?? "",
                "\"msi\" at \(HexLiteral.text(region.start)) is taken for the driver's software window by its place "
                    + "and size; it is not a reservation of firmware and is left out.")
        }
        let ranges = NativeRanges.read(&reader, id ?? "", beside: regions, problems, &findings)
        reader.finish()
        guard let id, let kind, let active, let limit, let coherent else { return nil }
        var device = Device(
            id: id, kind: kind, compatible: compatible, active: active,
            streams: smmus.map { StreamMapping(smmu: $0, kind: .specifier([])) }, msiControllers: controllers,
            dmaLimit: limit, dmaCoherent: coherent, pciWindows: windows, inboundWindows: inbound,
            firmwareRegions: firmware)
        device.usableRanges = ranges
        return device
    }
}

enum NativeRanges {
    private enum Moment: String, CaseIterable {
        case afterAttach = "after_attach"
        case beforeAttach = "before_attach"
    }

    /// `"iova_ranges": [{"start", "last"}]`, with VFIO's word `end` for `last` or a `size`, and when they
    /// were read; nil when none were sent or when they say nothing.
    static func read(
        _ reader: inout ObjectReader, _ device: String, beside regions: [ReservedRegion],
        _ problems: ProblemList, _ findings: inout FindingList
    ) -> UsableRanges? {
        let moments = Moment.allCases.map { (word: $0.rawValue, value: $0) }
        let moment = reader.optional("iova_ranges_read").map { $0.choice(moments, problems) } ?? .afterAttach
        guard let node = reader.optional("iova_ranges"), node.kind != .null else { return nil }
        let ranges = NativePlatform.list(node, max: NativePlatform.listMax, problems) { range($0, problems) }
        guard !ranges.isEmpty else {
            findings.note(
                .warning, "iova-ranges-empty", device,
                "No IOVA ranges: VFIO reports none before the first group is attached. The list is not used.")
            return nil
        }
        let usable = UsableRanges(IOVASet(ranges).ranges, beside: regions)
        guard moment == .afterAttach, !usable.areBeforeAttach else {
            findings.note(
                .warning, "iova-ranges-before-attach", device,
                "The ranges "
                    + (usable.areBeforeAttach ? "reach 2^64-1, so they were read" : "were read")
                    + " before a device was attached: they are wider than what is usable, and are not used.")
            return nil
        }
        let isAscending = zip(ranges, ranges.dropFirst()).allSatisfy { $0.last < $1.start }
        if !isAscending {
            findings.note(
                .warning, "iova-ranges-order", device,
                "The ranges overlap or do not ascend, which no kernel reports; their union is used.")
        }
        return usable
    }

    private static func range(_ node: JSONNode, _ problems: ProblemList) -> IOVARange? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        guard let endNode = reader.optional("end") else {
            return reader.range().map { IOVARange(proven: $0.start, $0.last) }
        }
        let start = reader.required("start")?.u64(problems)
        for name in ["last", "size"] as [StaticString] {
            guard let other = reader.optional(name) else { continue }
            problems.add(other.pointer, "conflict", "Send one of \"end\", \"last\" and \"size\".")
        }
        guard let start, let end = endNode.u64(problems) else { return nil }
        guard start <= end else {
            problems.add(endNode.pointer, "backwards", "The range ends before it starts.")
            return nil
        }
        return IOVARange(proven: start, end)
    }
}
