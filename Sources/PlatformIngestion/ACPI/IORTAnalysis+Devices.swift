// Who is a master behind an SMMU, in table order. Performance counters (PMCG) are none, nor are root
// complexes that lead straight to an ITS.

import Platforms
import SMMUModel

extension IORTAnalysis {
    mutating func readDevices() throws(ACPIError) -> [Device] {
        var devices: [Device] = []
        var ids: Set<String> = []
        for (index, node) in table.nodes.enumerated() {
            guard var device = device(index, node) else { continue }
            guard !device.streams.isEmpty else {
                findings.note(
                    .info, "not-behind-smmu", node.location,
                    "No ID of \(device.id) reaches an SMMU; it is not listed.")
                continue
            }
            if !ids.insert(device.id).inserted {
                findings.note(
                    .warning, "duplicate-device", node.location,
                    "\(device.id) stands earlier in the table; Linux takes the first.")
                device.id += "@\(table.hex(node.offset))"
                device.active = false
            }
            device.firmwareRegions = hardwareMSIRegions(of: device, index)
            device.addMemoryRanges(
                memoryRanges, preservesConfiguration: facts.preservesPCIConfiguration)
            try takeRegions(
                device.pciWindows.count + device.firmwareRegions.count + device.unappliedRegions.count)
            try takeStreams(device.streams.count)
            devices.append(device)
            guard devices.count <= ACPILimits.devicesMax else {
                throw .tooManyDevices(limit: ACPILimits.devicesMax)
            }
        }
        return devices
    }

    private mutating func device(_ index: Int, _ node: IORTNode) -> Device? {
        switch node.content {
        case .rootComplex(let root):
            let id = "rc:\(root.segment)"
            return Device(
                id: id, kind: .rootComplex, streams: rootComplexStreams(index),
                msiControllers: controllers(of: index),
                dmaLimit: limit(root.memoryAddressLimit, of: node, "root complex"),
                dmaCoherent: root.cacheCoherent == 1, pciWindows: facts.pciWindows[root.segment] ?? [])
        case .namedComponent(let component):
            let name = component.name.isEmpty ? "nc@\(table.hex(node.offset))" : component.name
            return Device(
                id: name, kind: .namedComponent, streams: namedComponentStreams(index),
                msiControllers: controllers(of: index),
                dmaLimit: limit(component.memoryAddressLimit, of: node, "named component"),
                dmaCoherent: component.isCoherent)
        default: return nil
        }
    }

    /// Highest address of `bits` bits. None, and Linux takes no notice, when firmware wrote 0 or when the
    /// node is too old to have the field (drivers/acpi/arm64/iort.c: nc_dma_get_range, rc_dma_get_range).
    private mutating func limit(_ bits: UInt8?, of node: IORTNode, _ what: String) -> UInt64 {
        guard let bits else { return .max }
        if bits == 0 {
            findings.note(
                .warning, "memory-address-limit-zero", node.location,
                "The \(what) has a memory address limit of 0 bits, which Linux refuses with EINVAL; nothing limits "
                    + "the device then.")
            return .max
        }
        return bits >= 64 ? .max : (1 << UInt64(bits)) - 1
    }

    private mutating func rootComplexStreams(_ index: Int) -> [StreamMapping] {
        routing.route(.all, from: index, to: \.isSMMU, &findings).compactMap(stream)
    }

    /// Single mappings are how platform devices get their IDs; the first mapping of another kind ends Linux's
    /// search (drivers/acpi/arm64/iort.c: iort_nc_iommu_map). The others translate IDs that a bus brings.
    private mutating func namedComponentStreams(_ index: Int) -> [StreamMapping] {
        let node = table.nodes[index]
        var streams: [StreamMapping] = []
        var range: (place: Int, before: Int)?
        for (place, mapping) in node.mappings.enumerated() {
            guard let target = table.indexByOffset[Int(mapping.reference)], let piece = mapping.piece else {
                continue
            }
            let reached = routing.route(piece, into: target, to: \.isSMMU, &findings).compactMap(stream)
            if !mapping.isSingle, !reached.isEmpty, range == nil { range = (place, streams.count) }
            streams += reached
        }
        if let range {
            let given =
                range.before == 0 ? "no stream ID" : "the first \(range.before) of these stream IDs"
            findings.note(
                .info, "named-component-ranges", node.location,
                "Linux gives a platform device the IDs of its single mappings and stops at the first that is none, "
                    + "mapping \(range.place): \(given) if it is one. A bus that brings IDs of its own uses the ranges."
            )
        }
        return streams
    }

    private func stream(_ piece: IDPiece, _ target: Int) -> StreamMapping? {
        guard let smmu = smmus[target] else { return nil }
        guard !piece.isConstant else {
            return StreamMapping(smmu: smmu.id, kind: .specifier([piece.output]))
        }
        // 2^32 IDs are told as one less; no bus has as many.
        let (sum, isFull) = (piece.last - piece.first).addingReportingOverflow(1)
        return StreamMapping(
            smmu: smmu.id,
            kind: .idMap(idBase: piece.first, length: isFull ? .max : sum, output: [piece.output]))
    }

    private func stream(_ found: (piece: IDPiece, target: Int)) -> StreamMapping? {
        stream(found.piece, found.target)
    }

    /// The MSI controllers that the device's IDs reach: the first ITS of each group, as Linux takes it; or
    /// the first GICv2m frame on machines without ITSs.
    private mutating func controllers(of index: Int) -> [String] {
        var names: [String] = []
        for group in groups(of: index) where !names.contains(MADT.itsID(group[0])) {
            names.append(MADT.itsID(group[0]))
        }
        if names.isEmpty, let madt, madt.itsBases.isEmpty, let frame = madt.controllers.first {
            names.append(frame.id)
        }
        return names
    }

    private mutating func groups(of index: Int) -> [[UInt32]] {
        let node = table.nodes[index]
        var reached: [(piece: IDPiece, target: Int)] = []
        if case .namedComponent = node.content {
            for mapping in node.mappings {
                guard let target = table.indexByOffset[Int(mapping.reference)], let piece = mapping.piece
                else { continue }
                reached += routing.route(piece, into: target, to: \.isITSGroup, &findings)
            }
        } else {
            reached = routing.route(.all, from: index, to: \.isITSGroup, &findings)
        }
        return reached.compactMap { identifiers(of: $0.target) }
    }

    /// The ITSs of a group; nil for none.
    private func identifiers(of index: Int) -> [UInt32]? {
        guard case .itsGroup(let identifiers) = table.nodes[index].content, !identifiers.isEmpty else {
            return nil
        }
        return identifiers
    }

    /// On a HiSilicon Hi161x SMMU the ITS is reached untranslated: the first of the device's stream IDs that
    /// maps to an ITS group decides, and each ITS of the group is a region of its own (drivers/acpi/arm64/
    /// iort.c: iort_iommu_msi_get_resv_regions).
    private mutating func hardwareMSIRegions(of device: Device, _ index: Int) -> [ReservedRegion] {
        for stream in device.streams {
            guard let smmu = smmuIndexByID[stream.smmu],
                case .smmuV3(let content) = table.nodes[smmu].content,
                content.model == SMMUModelNumber.hisiliconHI161X
            else { continue }
            for output in stream.outputs {
                let reached = routing.route(output, from: smmu, to: \.isITSGroup, &findings)
                guard let group = reached.compactMap({ identifiers(of: $0.target) }).first else { continue }
                var regions: [ReservedRegion] = []
                for identifier in group {
                    if let region = untranslated(identifier, table.nodes[index]) { regions.append(region) }
                }
                return regions
            }
        }
        return []
    }

    private mutating func untranslated(_ identifier: UInt32, _ node: IORTNode) -> ReservedRegion? {
        guard let base = madt?.itsBases[identifier] else {
            findings.note(
                .warning, "hardware-msi-unknown", node.location,
                "The SMMU does not translate MSIs to ITS \(identifier), whose address is not known: "
                    + (madt == nil ? "send the MADT (APIC) too." : "the MADT has no such ITS."))
            return nil
        }
        let (start, wraps) = base.addingReportingOverflow(Doorbell.translationFrameOffset)
        guard !wraps else { return nil }
        return ReservedRegion(
            kind: .msi, start: start, length: Doorbell.translationFrameBytes,
            provenance: .untranslatedITS(MADT.itsID(identifier)))
    }
}

extension StreamMapping {
    /// The stream IDs as pieces that can be routed on.
    fileprivate var outputs: [IDPiece] {
        switch kind {
        case .specifier(let cells):
            return cells.first.map { [IDPiece(first: $0, last: $0, output: $0)] } ?? []
        case .idMap(_, let length, let output):
            guard let first = output.first, length > 0 else { return [] }
            let (last, wraps) = first.addingReportingOverflow(length - 1)
            return [IDPiece(first: first, last: wraps ? .max : last, output: first)]
        }
    }
}
