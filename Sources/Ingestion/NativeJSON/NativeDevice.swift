// One device of the native model.

import AddressSpaces
import JSON
import Machines

enum NativeDevice {
    static func read(_ node: JSONNode, _ problems: ProblemList, _ findings: inout FindingList) -> Device? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let id = reader.required("id")?.string(bytesMax: NativePlatform.nameBytesMax, problems)
        if id?.isEmpty == true {
            problems.add(reader.pointer("id"), "empty", "An id has at least one character.")
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
                    + "and size; it is no reservation of firmware's and left out.")
        }
        let ranges = NativeRanges.read(&reader, id ?? "", problems, &findings)
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
