// A platform as members of an answer. Field names and their order are the contract's.

import AddressSpaces
import Ingestion
import JSON
import Machines

extension JSONWriter {
    /// GET /v1/platforms/{platform}, and the answer to an upload.
    mutating func platformMembers(_ entry: PlatformEntry) {
        let platform = entry.platform
        member("id", entry.id)
        if let owner = entry.owner { member("owner", owner) }
        if let end = entry.expiresAt { member("expires_at", Timestamp.text(milliseconds: end)) }
        labels(entry.labels)
        member("source", platform.source.rawValue)
        if let model = platform.model { member("model", model) }
        member("compatible", strings: platform.compatible)
        array("smmus") { writer in platform.smmus.forEach { writer.smmu($0) } }
        array("msi_controllers") { writer in platform.msiControllers.forEach { writer.controller($0) } }
        member("devices", platform.devices.count)
        if platform.source == .acpi {
            member("preserve_config", platform.preservesPCIConfiguration)
            memoryRanges(platform.memoryRanges)
            if !platform.hostBridges.isEmpty {
                array("host_bridges") { writer in platform.hostBridges.forEach { writer.hostBridge($0) } }
            }
        }
        array("memory") { writer in
            for range in platform.memory {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
        array("findings") { writer in platform.findings.forEach { writer.finding($0) } }
    }

    private mutating func hostBridge(_ bridge: HostBridge) {
        object { writer in
            writer.member("path", bridge.path)
            writer.member("segment", Int(bridge.segment))
            if let buses = bridge.buses {
                writer.member("first_bus", Int(buses.lowerBound))
                writer.member("last_bus", Int(buses.upperBound))
            }
            writer.member("pci_windows_known", bridge.areWindowsKnown)
            writer.array("pci_windows") { writer in bridge.windows.forEach { writer.pciWindow($0) } }
        }
    }

    mutating func pciWindow(_ window: PCIWindow) {
        object { writer in
            writer.member("kind", window.kind.rawValue)
            writer.member("bus", hex: window.busStart)
            writer.member("cpu", hex: window.cpuStart)
            writer.member("size", hex: window.size)
            writer.member("is_64bit", window.is64Bit)
            writer.member("prefetchable", window.isPrefetchable)
        }
    }

    /// Each ID mapping of a node repeats the node's regions, so that a small table could make a huge list.
    private mutating func memoryRanges(_ ranges: [ReservedMemoryRange]) {
        var room = Limits.memoryRangesListedMax
        let listed = ranges.prefix { range in
            room -= 1 + range.regions.count
            return room >= 0
        }
        array("memory_ranges") { writer in listed.forEach { writer.memoryRange($0) } }
        if listed.count < ranges.count { member("memory_ranges_omitted", ranges.count - listed.count) }
    }

    private mutating func memoryRange(_ range: ReservedMemoryRange) {
        object { writer in
            writer.member("where", "IORT:\(HexLiteral.text(UInt64(range.nodeOffset)))")
            writer.member("smmu", range.smmu)
            writer.member("first_stream_id", hex: UInt64(range.streams.lowerBound))
            writer.member("last_stream_id", hex: UInt64(range.streams.upperBound))
            writer.array("regions") { writer in
                for region in range.regions {
                    writer.object { writer in
                        writer.member("start", hex: region.start)
                        writer.member("length", hex: region.length)
                        writer.member("type", region.kind.wireName)
                    }
                }
            }
        }
    }

    private mutating func smmu(_ smmu: SMMU) {
        object { writer in
            writer.member("id", smmu.id)
            writer.member("version", smmu.version.rawValue)
            writer.member("compatible", strings: smmu.compatible)
            if let first = smmu.registers.first { writer.range("registers", first) }
            writer.member("enabled", smmu.enabled)
            writer.member("iommu_cells", smmu.iommuCells)
            writer.member("coherent_walk", smmu.coherentWalk)
            if let reported = smmu.reported { writer.object("reported") { $0.reportMembers(reported) } }
        }
    }

    private mutating func reportMembers(_ report: SMMU.Report) {
        if let bits = report.inputBits { member("ias_bits", bits) }
        if let bits = report.outputBits { member("oas_bits", bits) }
        if let bits = report.stage1Bits { member("stage1_bits", bits) }
        if let features = report.features { member("features", hex: features) }
        if let sizes = report.pageSizes { member("page_sizes", hex: sizes) }
    }

    private mutating func controller(_ controller: MSIController) {
        object { writer in
            writer.member("id", controller.id)
            writer.member("kind", controller.kind.rawValue)
            writer.member("compatible", strings: controller.compatible)
            writer.key("doorbell")
            if let doorbell = controller.doorbell { writer.hex(doorbell.value) } else { writer.null() }
            writer.member("enabled", controller.enabled)
        }
    }
}
