// What stands in a node behind its header, by type.

import Machines

extension IORTTable {
    func fits(_ node: IORTNode, _ fixedBytes: Int) -> Bool { node.length >= fixedBytes }

    mutating func content(
        of node: IORTNode, _ findings: inout FindingList
    ) throws(ACPIError) -> IORTNode.Content {
        switch node.type {
        case 0: itsGroup(node, &findings)
        case 1: namedComponent(node, &findings)
        case 2: rootComplex(node)
        case 3: smmuV1V2(node)
        case 4: smmuV3(node)
        case 5: performanceCounters(node)
        case 6: try memoryRanges(node, &findings)
        default: .other
        }
    }

    private func itsGroup(_ node: IORTNode, _ findings: inout FindingList) -> IORTNode.Content {
        guard fits(node, 20), let count = bytes.u32(node.offset + 16) else { return .unreadable }
        let room = (node.length - 20) / 4
        if count > room {
            findings.note(
                .error, "its-count-too-large", node.location,
                "The ITS group claims \(count) ITSs, more than fit; \(room) are read.")
        }
        if min(Int(count), room) == 0 {
            findings.note(
                .warning, "its-group-empty", node.location,
                "The ITS group names no ITS: IDs that reach it get no MSIs.")
        }
        return .itsGroup(
            (0..<min(Int(count), room)).compactMap { bytes.u32(node.offset + 20 + 4 * $0) })
    }

    private func namedComponent(_ node: IORTNode, _ findings: inout FindingList) -> IORTNode.Content {
        let at = node.offset
        guard fits(node, 29), let flags = bytes.u32(at + 16), let cacheCoherent = bytes.u32(at + 20),
            let limit = bytes.u8(at + 28)
        else { return .unreadable }
        let room = node.length - 29
        let stored = bytes.bytes[(at + 29)..<(at + 29 + room)]
        let name = stored.prefix { $0 != 0 }
        if name.count == room {
            findings.note(
                .error, "name-unterminated", node.location,
                "The named component has an unterminated name: no zero byte up to the node's end.")
        }
        if name.contains(where: { !(0x21...0x7e).contains($0) }) {
            findings.note(
                .warning, "name-not-printable", node.location,
                "The name has bytes that no ACPI path has; they are shown as question marks.")
        }
        if name.count > ACPILimits.nameBytesMax {
            findings.note(
                .error, "name-too-long", node.location,
                "The name has \(name.count) bytes; \(ACPILimits.nameBytesMax) are read.")
        }
        return .namedComponent(
            .init(
                name: bytes.text(at + 29, min(name.count, ACPILimits.nameBytesMax)), flags: flags,
                isCoherent: cacheCoherent == 1, memoryAddressLimit: limit))
    }

    private func rootComplex(_ node: IORTNode) -> IORTNode.Content {
        let at = node.offset
        guard fits(node, 32), let cacheCoherent = bytes.u32(at + 16), let memoryFlags = bytes.u8(at + 23),
            let ats = bytes.u32(at + 24), let segment = bytes.u32(at + 28)
        else { return .unreadable }
        return .rootComplex(
            .init(
                segment: segment, cacheCoherent: cacheCoherent, memoryFlags: memoryFlags,
                supportsATS: ats & 1 != 0,
                memoryAddressLimit: node.revision >= 1 && fits(node, 33) ? bytes.u8(at + 32) : nil))
    }

    private func smmuV1V2(_ node: IORTNode) -> IORTNode.Content {
        let at = node.offset
        guard fits(node, 60), let base = bytes.u64(at + 16), let span = bytes.u64(at + 24),
            let model = bytes.u32(at + 32), let flags = bytes.u32(at + 36)
        else { return .unreadable }
        return .smmuV1V2(.init(base: base, span: span, model: model, flags: flags))
    }

    private func smmuV3(_ node: IORTNode) -> IORTNode.Content {
        let at = node.offset
        guard fits(node, 60), let base = bytes.u64(at + 16), let flags = bytes.u32(at + 24),
            let model = bytes.u32(at + 40)
        else { return .unreadable }
        return .smmuV3(
            .init(
                base: base, flags: flags, model: model,
                lines: (0..<4).compactMap { bytes.u32(at + 44 + 4 * $0) },
                ownMappingIndex: node.revision >= 1 && fits(node, 68) ? bytes.u32(at + 64) : nil))
    }

    private func performanceCounters(_ node: IORTNode) -> IORTNode.Content {
        guard fits(node, 32), let base = bytes.u64(node.offset + 16),
            let reference = bytes.u32(node.offset + 28)
        else { return .unreadable }
        return .performanceCounters(base: base, reference: reference)
    }

    private mutating func memoryRanges(
        _ node: IORTNode, _ findings: inout FindingList
    ) throws(ACPIError) -> IORTNode.Content {
        let at = node.offset
        guard fits(node, 28), let flags = bytes.u32(at + 16), let count = bytes.u32(at + 20),
            let start = bytes.u32(at + 24)
        else { return .unreadable }
        let entryBytes = 20
        guard count > 0 else { return .memoryRanges(.init(flags: flags, ranges: [])) }
        guard start >= Self.nodeHeaderBytes,
            UInt64(start) + UInt64(count) * UInt64(entryBytes) <= UInt64(node.length)
        else {
            findings.note(
                .error, "rmr-descriptors-outside", node.location,
                "\(count) memory range descriptors at \(hex(start)) do not fit into the RMR node of "
                    + "\(node.length) bytes; none is read.")
            return .memoryRanges(.init(flags: flags, ranges: []))
        }
        rangesTotal += Int(count)
        guard rangesTotal <= ACPILimits.rangesMax else { throw .tooManyRanges(limit: ACPILimits.rangesMax) }
        let ranges = (0..<Int(count)).map { place -> (base: UInt64, length: UInt64) in
            let entry = at + Int(start) + place * entryBytes
            return (bytes.u64(entry) ?? 0, bytes.u64(entry + 8) ?? 0)
        }
        return .memoryRanges(.init(flags: flags, ranges: ranges))
    }
}
