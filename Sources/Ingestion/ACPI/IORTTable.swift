// The walk along an IORT's nodes: what every node has (header and ID mappings), and what comes after the
// header, by type. Mirrors drivers/acpi/arm64/iort.c: iort_scan_node, Linux 7.2, which trusts lengths that
// are checked here.

import AddressSpaces
import Machines

/// An IORT whose nodes lie inside it.
struct IORTTable {
    static let headerBytes = 48
    static let nodeHeaderBytes = 16

    let table: ACPITable
    private(set) var nodes: [IORTNode] = []
    private(set) var indexByOffset: [Int: Int] = [:]
    private var mappingsTotal = 0
    var rangesTotal = 0

    var revision: UInt8 { table.revision }
    var bytes: TableBytes { table.bytes }

    init(_ table: ACPITable, _ findings: inout FindingList) throws(ACPIError) {
        self.table = table
        guard table.bytes.count >= Self.headerBytes, let count = table.bytes.u32(36),
            let first = table.bytes.u32(40)
        else { throw .iortTooShort(bytes: table.bytes.count) }
        let end = table.bytes.count
        guard count > 0 else {
            findings.note(
                .warning, "no-nodes", "IORT:0x24", "The node count is 0: nothing is read from the table.")
            return
        }
        guard first >= Self.headerBytes, first < end else {
            throw .nodeOffsetOutside(first, tableBytes: end)
        }
        var offset = Int(first)
        for index in 0..<count {
            guard offset + Self.nodeHeaderBytes <= end, let length = bytes.u16(offset + 1).map(Int.init)
            else {
                throw .nodePastEnd(index: index, offset: offset, length: nil, tableBytes: end, count: count)
            }
            guard length >= Self.nodeHeaderBytes else {
                throw .nodeTooShort(index: index, offset: offset, length: length)
            }
            guard length <= end - offset else {
                throw .nodePastEnd(
                    index: index, offset: offset, length: length, tableBytes: end, count: count)
            }
            guard nodes.count < ACPILimits.nodesMax else { throw .tooManyNodes(limit: ACPILimits.nodesMax) }
            indexByOffset[offset] = nodes.count
            nodes.append(try node(at: offset, length: length, &findings))
            offset += length
        }
        if offset < end {
            findings.note(
                .warning, "bytes-behind-nodes", "IORT:\(hex(offset))",
                "\(end - offset) bytes follow the last of the \(count) nodes (the node count is at 0x24); they "
                    + "are not read.")
        }
    }

    private mutating func node(
        at offset: Int, length: Int, _ findings: inout FindingList
    ) throws(ACPIError) -> IORTNode {
        var node = IORTNode(
            offset: offset, type: bytes.u8(offset) ?? 0, length: length,
            revision: bytes.u8(offset + 3) ?? 0, identifier: bytes.u32(offset + 4) ?? 0)
        node.mappings = try mappings(of: node, &findings)
        node.content = try content(of: node, &findings)
        if case .unreadable = node.content {
            findings.note(
                .error, "node-too-short", node.location,
                "The \(node.typeName) node of \(length) bytes is too short for its fixed part; it is not read."
            )
        }
        return node
    }

    /// Offset of the mapping array in its node; nil when there is none or it does not fit.
    func mappingOffset(of node: IORTNode) -> Int? {
        guard let count = bytes.u32(node.offset + 8), let start = bytes.u32(node.offset + 12), count > 0,
            start >= Self.nodeHeaderBytes,
            UInt64(start) + UInt64(count) * UInt64(IORTMapping.entryBytes) <= UInt64(node.length)
        else { return nil }
        return Int(start)
    }

    private mutating func mappings(
        of node: IORTNode, _ findings: inout FindingList
    ) throws(ACPIError) -> [IORTMapping] {
        let count = bytes.u32(node.offset + 8) ?? 0
        guard count > 0 else { return [] }
        guard let start = mappingOffset(of: node) else {
            let at = bytes.u32(node.offset + 12) ?? 0
            findings.note(
                .error, "id-mappings-outside", node.location,
                "\(count) ID mappings at \(hex(at)) do not fit into the \(node.typeName) node of \(node.length) "
                    + "bytes; none is read.")
            return []
        }
        mappingsTotal += Int(count)
        guard mappingsTotal <= ACPILimits.mappingsMax else {
            throw .tooManyMappings(limit: ACPILimits.mappingsMax)
        }
        return (0..<Int(count)).map { place in
            let at = node.offset + start + place * IORTMapping.entryBytes
            func field(_ index: Int) -> UInt32 { bytes.u32(at + 4 * index) ?? 0 }
            return IORTMapping(
                inputBase: field(0), lastIndex: field(1), outputBase: field(2), reference: field(3),
                flags: field(4))
        }
    }

    func hex(_ value: some BinaryInteger) -> String { HexLiteral.text(value) }
}

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
                "The ITS group has a count of \(count) ITSs, more than fit into the node; \(room) are read.")
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
                "The named component has an unterminated name: no zero byte before the end of the node.")
        }
        if name.contains(where: { !(0x21...0x7e).contains($0) }) {
            findings.note(
                .warning, "name-not-printable", node.location,
                "The name contains bytes that no ACPI path has; they are shown as question marks.")
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
