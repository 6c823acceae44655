// From an IORT to a platform: the state that the steps share, and their order. Mirrors drivers/acpi/arm64/
// iort.c: iort_init_platform_devices, iort_iommu_configure_id and iort_dma_get_ranges, Linux 7.2.

import AddressSpaces
import Machines

/// One reading of one IORT.
struct IORTAnalysis {
    let table: IORTTable
    /// Of a guest with a virtio-iommu: asked where the IORT has no SMMU for a device
    /// (drivers/acpi/scan.c: acpi_iommu_configure_id, Linux 7.2).
    let viot: VIOT?
    let madt: MADT?
    let facts: ACPIReader.Facts
    var findings: FindingList
    var routing: IDRouting
    /// SMMUs by node index.
    private(set) var smmus: [Int: SMMU] = [:]
    private(set) var memoryRanges: [ReservedMemoryRange] = []
    private(set) var untranslatedRanges: [UntranslatedRange] = []
    private var regionsTotal = 0
    private var streamsTotal = 0

    init(
        _ table: IORTTable, _ viot: VIOT?, _ madt: MADT?, _ facts: ACPIReader.Facts, _ findings: FindingList
    ) {
        self.table = table
        self.viot = viot
        self.madt = madt
        self.facts = facts
        self.findings = findings
        routing = IDRouting(table)
    }

    mutating func platform() throws(ACPIError) -> Platform {
        let order = table.nodes.indices.filter { table.nodes[$0].isSMMU }
        var ids: Set<String> = []
        var number = 0
        for index in table.nodes.indices {
            // iort_init_platform_devices makes devices of these, numbered by PLATFORM_DEVID_AUTO.
            if case .performanceCounters = table.nodes[index].content { number += 1 }
            guard table.nodes[index].isSMMU else { continue }
            defer { number += 1 }
            guard var smmu = smmu(table.nodes[index], &ids) else { continue }
            smmu.autoNumber = number
            smmus[index] = smmu
        }
        memoryRanges = readMemoryRanges()
        untranslatedRanges = try readUntranslatedRanges()
        let controllers = readControllers()
        let devices = try readDevices()
        noteAbsences(devices)
        if routing.isExhausted {
            findings.note(
                .error, "routing-too-costly", "IORT:0x28",
                "Following the ID mappings takes more than \(ACPILimits.routeDepthMax) nodes in a row or "
                    + "\(ACPILimits.routeStepsMax) steps; the remaining IDs count as unmapped.")
        }
        var platform = Platform(
            source: .acpi, model: model, smmus: order.compactMap { smmus[$0] } + (viot?.iommus ?? []),
            msiControllers: controllers, devices: devices, memory: facts.memory)
        for bridge in facts.hostBridges { try takeRegions(bridge.windows.count) }
        platform.hostBridges = facts.hostBridges
        platform.memoryRanges = memoryRanges
        platform.untranslatedRanges = untranslatedRanges
        platform.preservesPCIConfiguration =
            facts.preservesPCIConfiguration ?? devices.contains { $0.preservesConfiguration == true }
        platform.findings = findings.findings
        return platform
    }

    /// OEM and OEM table id of the header.
    private var model: String? {
        let words = [table.bytes.text(10, 6), table.bytes.text(16, 8)]
            .flatMap { $0.split(separator: " ") }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    private mutating func smmu(_ node: IORTNode, _ ids: inout Set<String>) -> SMMU? {
        let version: SMMU.Version
        let compatible: [String]
        let (base, size): (UInt64, UInt64)
        let isCoherent: Bool
        switch node.content {
        case .smmuV1V2(let smmu):
            (version, compatible) = SMMUModelNumber.v1v2(smmu.model)
            (base, size, isCoherent) = (smmu.base, smmu.span, smmu.isCoherentWalk)
        case .smmuV3(let smmu):
            version = .v3
            compatible = SMMUModelNumber.v3(smmu.model)
            (base, size) = (smmu.base, SMMUModelNumber.v3RegisterBytes(smmu.model))
            isCoherent = smmu.isCoherentWalk
        case .itsGroup, .namedComponent, .rootComplex, .performanceCounters, .memoryRanges, .other,
            .unreadable:
            return nil
        }
        let prefix = version == .v3 ? "smmuv3" : "smmu"
        var id = "\(prefix)@\(HexLiteral.digits(base))"
        if !ids.insert(id).inserted {
            findings.note(
                .warning, "duplicate-smmu", node.location,
                "An earlier SMMU in the table has the same base \(table.hex(base)); Linux drives only the first."
            )
            id += ":\(table.hex(node.offset))"
        }
        ids.insert(id)
        let registers = PhysicalRange(start: PhysicalAddress(base), size: size)
        if registers == nil {
            findings.note(
                .warning, "smmu-registers-wrong", node.location,
                "Registers at \(table.hex(base)) of \(table.hex(size)) bytes are not a valid range; Linux cannot "
                    + "map them, and the SMMU does not work.")
        }
        return SMMU(
            id: id, version: version, compatible: compatible, registers: registers.map { [$0] } ?? [],
            enabled: true, iommuCells: 1, coherentWalk: isCoherent)
    }

    /// ITSs and frames of the MADT, then those that only the IORT names.
    private mutating func readControllers() -> [MSIController] {
        var controllers = madt?.controllers ?? []
        var known = Set(controllers.map(\.id))
        for node in table.nodes {
            guard case .itsGroup(let identifiers) = node.content else { continue }
            for identifier in identifiers where known.insert(MADT.itsID(identifier)).inserted {
                findings.note(
                    madt == nil ? .info : .warning, "its-address-unknown", node.location,
                    madt == nil
                        ? "The address of ITS \(identifier) is in the MADT (APIC), which was not sent."
                        : "The MADT has no ITS \(identifier), so MSIs through it do not work.")
                controllers.append(
                    MSIController(
                        id: MADT.itsID(identifier), kind: .its, compatible: [], doorbell: nil,
                        enabled: madt == nil))
            }
        }
        return controllers
    }

    /// The ranges of the RMR nodes, by SMMU and stream IDs; none in tables that Linux finds too old.
    private func readMemoryRanges() -> [ReservedMemoryRange] {
        guard table.revision >= 5 else { return [] }
        return table.nodes.flatMap { node -> [ReservedMemoryRange] in
            guard case .memoryRanges(let content) = node.content, !content.ranges.isEmpty else { return [] }
            let regions = content.ranges.map { range in
                ReservedRegion(
                    kind: content.isRemapPermitted ? .directRelaxable : .direct, start: range.base,
                    length: range.length, provenance: .rmr(offset: UInt32(node.offset)),
                    protection: protection(content))
            }
            return node.mappings.compactMap { mapping in
                guard let target = table.indexByOffset[Int(mapping.reference)], let smmu = smmus[target]
                else { return nil }
                // The kernel adds in 32 bits: a range that passes the last ID ends before it begins.
                let (last, wraps) = mapping.outputBase.addingReportingOverflow(mapping.lastIndex)
                guard !wraps else { return nil }
                return ReservedMemoryRange(
                    nodeOffset: UInt32(node.offset), smmu: smmu.id,
                    streams: mapping.outputBase...last, regions: regions)
            }
        }
    }

    /// drivers/acpi/arm64/iort.c: iort_rmr_alloc: attributes 0 to 3 are device memory, 5 is cached memory.
    private func protection(_ content: IORTNode.MemoryRanges) -> ReservedRegion.Protection {
        var protection: ReservedRegion.Protection = [.read, .write]
        if content.isPrivileged { protection.insert(.privileged) }
        switch content.attributes {
        case 0...3: protection.insert(.mmio)
        case 5: protection.insert(.cache)
        default: break
        }
        return protection
    }

    /// Counts windows and regions against the limit of a platform.
    mutating func takeRegions(_ count: Int) throws(ACPIError) {
        regionsTotal += count
        guard regionsTotal <= PlatformLimits.regionsMax else {
            throw .tooManyRegions(limit: PlatformLimits.regionsMax)
        }
    }

    /// Counts stream mappings against the limit of a platform.
    mutating func takeStreams(_ count: Int) throws(ACPIError) {
        streamsTotal += count
        guard streamsTotal <= ACPILimits.streamsMax else {
            throw .tooManyStreams(limit: ACPILimits.streamsMax)
        }
    }

    private mutating func noteAbsences(_ devices: [Device]) {
        if smmus.isEmpty, viot?.units.isEmpty ?? true {
            findings.note(
                .info, "no-smmu", "IORT",
                "No SMMU is described: nothing is translated, and MSIs go to physical doorbells.")
        }
        let unknown = devices.filter(\.hasUnknownPCIWindows).compactMap(\.segment)
        if !unknown.isEmpty {
            let shown = unknown.prefix(8).map(String.init).joined(separator: ", ")
            findings.note(
                .info, "pci-windows-unknown", "IORT",
                "The PCI windows of \(unknown.count == 1 ? "segment" : "segments") \(shown)"
                    + (unknown.count > 8 ? " and \(unknown.count - 8) others" : "")
                    + " are not known: they are in `_CRS` of the host bridges, not in IORT. Send DSDT and SSDTs, "
                    + "/proc/iomem, or the windows as JSON in a part of their own; until then, what looks free "
                    + "may lie in one.")
        }
        for range in memoryRanges
        where !devices.contains(where: { $0.streams.contains { $0.meets(range) } }) {
            findings.note(
                .warning, "rmr-without-device", "IORT:\(table.hex(range.nodeOffset))",
                "No device has a stream ID of \(table.hex(range.streams.lowerBound)) to "
                    + "\(table.hex(range.streams.upperBound)) on \(range.smmu).")
        }
        for device in devices {
            for region in device.unappliedRegions.prefix(1)
            where region.reason == .rmrWithoutPreservedConfiguration {
                findings.note(
                    .warning, "rmr-not-preserved", region.location,
                    "The range is for PCI functions behind \(device.id). Linux applies it only when `_DSM` function "
                        + "5 of the host bridge asks to keep the configuration"
                        + (device.segment.flatMap { facts.preserves[$0] } == nil
                            ? ": send preserve_config=true if it does." : ", and it does not."))
            }
        }
    }
}

/// The numbers of SMMU implementations in IORT, as the names that device trees use.
enum SMMUModelNumber {
    static let hisiliconHI161X: UInt32 = 1
    private static let caviumCN99xx: UInt32 = 2

    static func v1v2(_ number: UInt32) -> (SMMU.Version, [String]) {
        switch number {
        case 0: (.v1, ["arm,smmu-v1"])
        case 1: (.v2, ["arm,smmu-v2"])
        case 2: (.v1, ["arm,mmu-400"])
        case 3: (.v2, ["arm,mmu-500"])
        case 4: (.v1, ["arm,mmu-401"])
        case 5: (.v2, ["cavium,smmu-v2"])
        default: (.v2, [])
        }
    }

    static func v3(_ number: UInt32) -> [String] {
        switch number {
        case hisiliconHI161X: ["hisilicon,hip06-smmu-v3", "arm,smmu-v3"]
        case caviumCN99xx: ["cavium,thunderx2-smmu-v3", "arm,smmu-v3"]
        default: ["arm,smmu-v3"]
        }
    }

    /// drivers/acpi/arm64/iort.c: arm_smmu_v3_resource_size.
    static func v3RegisterBytes(_ number: UInt32) -> UInt64 { number == caviumCN99xx ? 0x1_0000 : 0x2_0000 }
}
