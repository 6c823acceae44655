// Who is a master behind an SMMU, in table order. Performance counters (PMCG) are not, nor are root
// complexes that lead straight to an ITS.

import AddressSpaces
import Machines

extension IORTAnalysis {
    mutating func readDevices() throws(ACPIError) -> [Device] {
        var devices: [Device] = []
        var ids: Set<String> = []
        for (index, node) in table.nodes.enumerated() {
            guard var device = device(index, node) else { continue }
            addVirtioStreams(&device)
            guard !device.streams.isEmpty else {
                findings.note(
                    .info, "not-behind-smmu", node.location,
                    "No ID of \(device.id) reaches an SMMU; it is not listed.")
                continue
            }
            if !ids.insert(device.id).inserted {
                findings.note(
                    .warning, "duplicate-device", node.location,
                    "\(device.id) appears earlier in the table; Linux takes the first.")
                device.id += "@\(table.hex(node.offset))"
                device.active = false
            }
            try findControllers(&device, index)
            device.firmwareRegions = device.hardwareMSIRegions(untranslatedRanges)
            device.addMemoryRanges(
                memoryRanges, preservesConfiguration: device.preservesConfiguration ?? false)
            device.hasUnknownConfiguration =
                device.conditionalMemoryRange != nil
                && device.segment.map { facts.knowsConfiguration(of: $0) } == false
            try takeRegions(
                device.pciWindows.count + device.firmwareRegions.count + device.unappliedRegions.count)
            try takeStreams(device.streams.count)
            devices.append(device)
            guard devices.count <= PlatformLimits.devicesMax else {
                throw .tooManyDevices(limit: PlatformLimits.devicesMax)
            }
        }
        devices += try virtioDevices(beside: ids)
        guard devices.count <= PlatformLimits.devicesMax else {
            throw .tooManyDevices(limit: PlatformLimits.devicesMax)
        }
        return devices
    }

    private mutating func device(_ index: Int, _ node: IORTNode) -> Device? {
        switch node.content {
        case .rootComplex(let root):
            var device = rootComplex(root.segment)
            device.streams = rootComplexStreams(index)
            device.dmaLimit =
                inboundLimit(root.segment) ?? limit(root.memoryAddressLimit, of: node, "root complex")
            device.dmaCoherent = isCoherent(root, node)
            return device
        case .namedComponent(let component):
            let name = component.name.isEmpty ? "nc@\(table.hex(node.offset))" : component.name
            return Device(
                id: name, kind: .namedComponent, streams: namedComponentStreams(index),
                dmaLimit: limit(component.memoryAddressLimit, of: node, "named component"),
                dmaCoherent: component.isCoherent)
        case .itsGroup, .smmuV1V2, .smmuV3, .performanceCounters, .memoryRanges, .other, .unreadable:
            return nil
        }
    }

    /// The root complex of a segment with what other sources say of it.
    func rootComplex(_ segment: UInt32) -> Device {
        var device = Device(
            id: Device.rootComplexID(segment), kind: .rootComplex,
            pciWindows: facts.pciWindows[segment] ?? [])
        device.hasUnknownPCIWindows = !facts.knowsWindows(of: segment)
        device.hasUnknownInboundWindows = !facts.knowsInboundWindows(of: segment)
        device.preservesConfiguration = facts.preservesPCIConfiguration ?? facts.preserves[segment] ?? false
        return device
    }

    /// Whether DMA behind a root complex sees the caches. Linux asks `_CCA` of the host bridge
    /// (drivers/pci/pci-driver.c: pci_dma_configure, drivers/acpi/scan.c: acpi_get_dma_attr, Linux 7.2).
    private mutating func isCoherent(_ root: IORTNode.RootComplex, _ node: IORTNode) -> Bool {
        let own = root.cacheCoherent == 1
        let bridges = facts.sureBridges.filter { $0.segment == root.segment && $0.isCoherent != nil }
        guard !bridges.isEmpty else { return own }
        for bridge in bridges where bridge.isCoherent == !own {
            findings.note(
                .warning, "coherency-contradicts", node.location,
                "The IORT says that DMA of segment \(root.segment) is \(own ? "" : "not ")coherent, and `_CCA` of "
                    + "\(bridge.path) (\(bridge.place)) says that it is\(own ? " not" : ""); Linux "
                    + "takes `_CCA`.")
        }
        return bridges.allSatisfy { $0.isCoherent == true }
    }

    /// Highest bus address of the root complex's `_DMA`; nil when it is not known (drivers/acpi/arm64/dma.c:
    /// acpi_arch_dma_setup, Linux 7.2).
    func inboundLimit(_ segment: UInt32) -> UInt64? {
        facts.inboundWindows[segment]?.map { $0.busLast }.max()
    }

    /// Highest address of `bits` bits. No limit, and Linux ignores the field, when firmware wrote 0 or when
    /// the node is too old to have the field (drivers/acpi/arm64/iort.c: nc_dma_get_range,
    /// rc_dma_get_range).
    private mutating func limit(_ bits: UInt8?, of node: IORTNode, _ what: String) -> UInt64 {
        guard let bits else { return .max }
        if bits == 0 {
            findings.note(
                .warning, "memory-address-limit-zero", node.location,
                "The \(what) has a memory address limit of 0 bits, which Linux refuses with EINVAL; the device "
                    + "then has no limit.")
            return .max
        }
        return IOVARange.ofBits(min(Int(bits), 64)).last.value
    }

    private mutating func rootComplexStreams(_ index: Int) -> [StreamMapping] {
        routing.route(.all, from: index, to: \.isSMMU, &findings).compactMap(stream)
    }

    /// Single mappings are how platform devices get their IDs: Linux takes them in the table's order, and
    /// stops at the first mapping that is of another kind or reaches no SMMU (drivers/acpi/arm64/iort.c:
    /// iort_nc_iommu_map, iort_node_get_id, Linux 7.2). The others translate IDs that a bus brings.
    private mutating func namedComponentStreams(_ index: Int) -> [StreamMapping] {
        let node = table.nodes[index]
        var streams: [StreamMapping] = []
        /// Where Linux stops, and how many streams it has then.
        var stop: (place: Int, before: Int)?
        var firstRange: Int?
        var passedOver: (place: Int, stream: StreamMapping)?
        for (place, mapping) in node.mappings.enumerated() {
            let reached = self.reached(by: mapping)
            if stop == nil, !mapping.isSingle || reached.isEmpty { stop = (place, streams.count) }
            if !mapping.isSingle, !reached.isEmpty, firstRange == nil { firstRange = place }
            if mapping.isSingle, stop != nil {
                passedOver = passedOver ?? reached.first.map { (place, $0) }
            } else {
                streams += reached
            }
        }
        guard let stop else { return streams }
        if firstRange == stop.place {
            let given = stop.before == 0 ? "no stream ID" : "the first \(stop.before) of these stream IDs"
            findings.note(
                .info, "named-component-ranges", node.location,
                "Linux gives a platform device the IDs of its single mappings and stops at the first mapping of "
                    + "another kind, mapping \(stop.place): it gets \(given). A bus with IDs of its own uses the ranges."
            )
        }
        if let passedOver { note(passedOver, after: stop, node) }
        return streams
    }

    /// The streams of one mapping of a named component; none when it leads to no SMMU.
    private mutating func reached(by mapping: IORTMapping) -> [StreamMapping] {
        guard let target = table.indexByOffset[Int(mapping.reference)], let piece = mapping.piece else {
            return []
        }
        return routing.route(piece, into: target, to: \.isSMMU, &findings).compactMap(stream)
    }

    private mutating func note(
        _ passedOver: (place: Int, stream: StreamMapping), after stop: (place: Int, before: Int),
        _ node: IORTNode
    ) {
        let gets =
            stop.before == 0
            ? "the device has no IOMMU" : "the device gets the IDs of the \(stop.before) before it"
        findings.note(
            .warning, "named-component-stops", node.location,
            "Linux stops at mapping \(stop.place) of the named component, which "
                + (node.mappings[stop.place].isSingle ? "reaches no SMMU" : "is no single mapping")
                + ": \(gets), and mapping \(passedOver.place) to \(passedOver.stream.smmu) is not used.")
    }

    private func stream(_ piece: IDPiece, _ target: Int) -> StreamMapping? {
        guard let smmu = smmus[target] else { return nil }
        // 2^32 IDs are reported as one less; no bus has as many.
        let (sum, isFull) = (piece.last - piece.first).addingReportingOverflow(1)
        let length = isFull ? .max : sum
        let kind: StreamMapping.Kind =
            if !piece.isConstant {
                .idMap(idBase: piece.first, length: length, output: [piece.output])
            } else if isFull {
                .specifier([piece.output])
            } else {
                .constant(idBase: piece.first, length: length, output: piece.output)
            }
        return StreamMapping(smmu: smmu.id, kind: kind)
    }

    private func stream(_ found: (piece: IDPiece, target: Int)) -> StreamMapping? {
        stream(found.piece, found.target)
    }

    /// The MSI controllers that the device's IDs reach: the first ITS of each group, as Linux takes it; or
    /// the first GICv2m frame on machines without ITSs.
    private mutating func findControllers(_ device: inout Device, _ index: Int) throws(ACPIError) {
        var known: Set<UInt32> = []
        for (piece, target) in reachedGroups(index) {
            guard let first = identifiers(of: target).first else { continue }
            let id = MADT.itsID(first)
            if known.insert(first).inserted { device.msiControllers.append(id) }
            if device.kind == .rootComplex {
                device.requesterControllers.append(
                    RequesterController(requesters: piece.first...piece.last, controller: id))
            }
        }
        try takeStreams(device.requesterControllers.count)
        if device.msiControllers.isEmpty, let madt, madt.itsBases.isEmpty, let frame = madt.controllers.first
        {
            device.msiControllers.append(frame.id)
        }
    }

    private mutating func reachedGroups(_ index: Int) -> [(piece: IDPiece, target: Int)] {
        let node = table.nodes[index]
        guard case .namedComponent = node.content else {
            return routing.route(.all, from: index, to: \.isITSGroup, &findings)
        }
        var reached: [(piece: IDPiece, target: Int)] = []
        for mapping in node.mappings {
            guard let target = table.indexByOffset[Int(mapping.reference)], let piece = mapping.piece
            else { continue }
            reached += routing.route(piece, into: target, to: \.isITSGroup, &findings)
        }
        return reached
    }

    /// The ITSs of a group.
    private func identifiers(of index: Int) -> [UInt32] {
        guard case .itsGroup(let identifiers) = table.nodes[index].content else { return [] }
        return identifiers
    }

    /// On a HiSilicon Hi161x SMMU the ITS is reached untranslated, and each ITS of the group is a region of
    /// its own (drivers/acpi/arm64/iort.c: iort_iommu_msi_get_resv_regions).
    mutating func readUntranslatedRanges() throws(ACPIError) -> [UntranslatedRange] {
        var regionsByGroup: [Int: [ReservedRegion]] = [:]
        var ranges: [UntranslatedRange] = []
        for (index, node) in table.nodes.enumerated() {
            guard case .smmuV3(let content) = node.content, let smmu = smmus[index],
                content.model == SMMUModelNumber.hisiliconHI161X
            else { continue }
            let reached = routing.route(.all, from: index, to: \.isITSGroup, &findings)
            try takeStreams(reached.count)
            for (piece, target) in reached {
                let regions =
                    regionsByGroup[target] ?? identifiers(of: target).compactMap { untranslated($0, node) }
                regionsByGroup[target] = regions
                ranges.append(
                    UntranslatedRange(smmu: smmu.id, streams: piece.first...piece.last, regions: regions))
            }
        }
        return ranges.sorted { ($0.smmu, $0.streams.lowerBound) < ($1.smmu, $1.streams.lowerBound) }
    }

    private mutating func untranslated(_ identifier: UInt32, _ node: IORTNode) -> ReservedRegion? {
        guard let base = madt?.itsBases[identifier] else {
            findings.note(
                .warning, "hardware-msi-unknown", node.location,
                "The SMMU does not translate MSIs to ITS \(identifier), whose address is not known: "
                    + (madt == nil ? "send the MADT (APIC) too." : "the MADT does not list this ITS."))
            return nil
        }
        let (start, wraps) = base.addingReportingOverflow(Doorbell.translationFrameOffset)
        guard !wraps else { return nil }
        return ReservedRegion(
            kind: .msi, start: start, length: Doorbell.translationFrameBytes,
            provenance: .untranslatedITS(MADT.itsID(identifier)))
    }
}
