// The walk along an IORT's nodes, and what every node has: header and ID mappings. Mirrors
// drivers/acpi/arm64/iort.c: iort_scan_node, Linux 7.2, which trusts lengths that are checked here.

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
                "\(end - offset) bytes follow the last of the \(count) nodes that the node count at 0x24 tells; they "
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
