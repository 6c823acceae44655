// Which endpoints a virtio-iommu translates, from the Virtual I/O Translation Table (ACPI 6.5, section
// 5.2.34). Mirrors drivers/acpi/viot.c: acpi_viot_init and viot_parse_node, Linux 7.2: a node that passes the
// end of the table ends the reading, everything else that is wrong costs one node. What a node says for which
// device is IORTAnalysis'.

import AddressSpaces
import Machines

/// What a VIOT says.
struct VIOT {
    /// A virtio-iommu.
    struct Unit: Hashable {
        var id: String
        /// Of one on PCI: a device does not translate itself.
        var function: (segment: UInt16, requester: UInt16)?
        /// Of one of virtio-mmio.
        var base: UInt64?

        static func == (left: Unit, right: Unit) -> Bool { left.id == right.id }
        func hash(into hasher: inout Hasher) { hasher.combine(id) }
    }

    /// Functions of some segments, with their endpoint IDs.
    struct PCIRange {
        var offset: Int
        var endpoint: UInt32
        var segments: ClosedRange<UInt16>
        var requesters: ClosedRange<UInt16>
        var unit: Unit
    }

    /// A device of the platform bus, known by its registers.
    struct MMIOEndpoint {
        var offset: Int
        var endpoint: UInt32
        var base: UInt64
        var unit: Unit
    }

    private(set) var units: [Unit] = []
    private(set) var ranges: [PCIRange] = []
    private(set) var endpoints: [MMIOEndpoint] = []

    private enum NodeType {
        static let pciRange: UInt8 = 1, mmioEndpoint: UInt8 = 2, pciUnit: UInt8 = 3, mmioUnit: UInt8 = 4

        /// Bytes that a node of the type has; nil for types that the specification reserves.
        static func bytes(_ type: UInt8) -> Int? {
            switch type {
            case pciRange, mmioEndpoint: 24
            case pciUnit, mmioUnit: 16
            default: nil
            }
        }
    }

    private static let headerBytes = 48

    init(_ table: ACPITable, _ findings: inout FindingList) {
        let bytes = table.bytes
        guard let count = bytes.u16(36), let first = bytes.u16(38), bytes.count >= Self.headerBytes else {
            Self.note(
                .error, "viot-too-short", bytes.count, &findings,
                "The table ends at \(HexLiteral.text(bytes.count)), inside its header of 48 bytes; Linux reads nothing of it."
            )
            return
        }
        let nodes = Self.nodes(bytes, count: Int(count), from: Int(first), &findings)
        for (offset, type) in nodes.sorted(by: { $0.key < $1.key }) {
            readUnit(bytes, offset, type, &findings)
        }
        var unitAt: [Int: Unit] = [:]
        for unit in units { unitAt[unitOffsets[unit.id] ?? 0] = unit }
        for (offset, type) in nodes.sorted(by: { $0.key < $1.key }) {
            guard type == NodeType.pciRange || type == NodeType.mmioEndpoint else { continue }
            let output = Int(bytes.u16(offset + 16) ?? 0)
            guard let unit = unitAt[output] else {
                Self.note(
                    .error, "viot-output-wrong", offset, &findings,
                    "The node's output \(HexLiteral.text(output)) is no virtio-iommu node; Linux leaves the endpoints out."
                )
                continue
            }
            if type == NodeType.pciRange {
                readRange(bytes, offset, unit, &findings)
            } else {
                endpoints.append(
                    MMIOEndpoint(
                        offset: offset, endpoint: bytes.u32(offset + 4) ?? 0,
                        base: bytes.u64(offset + 8) ?? 0,
                        unit: unit))
            }
        }
    }

    /// By id: where the node is.
    private var unitOffsets: [String: Int] = [:]

    /// Type by offset of the nodes that are whole and of a known type.
    private static func nodes(
        _ bytes: TableBytes, count: Int, from first: Int, _ findings: inout FindingList
    ) -> [Int: UInt8] {
        var nodes: [Int: UInt8] = [:]
        var at = first
        guard count == 0 || (headerBytes..<bytes.count).contains(first) else {
            note(
                .error, "viot-node-offset-wrong", 38, &findings,
                "Node offset \(HexLiteral.text(first)) is outside the nodes' part of the table "
                    + "(\(HexLiteral.text(bytes.count)) bytes).")
            return [:]
        }
        for index in 0..<min(count, ACPILimits.viotNodesMax) {
            guard let type = bytes.u8(at), let length = bytes.u16(at + 2).map(Int.init), length >= 4,
                length <= bytes.count - at
            else {
                note(
                    .error, "viot-node-past-end", at, &findings,
                    "Node \(index) of \(count) is shorter than a node's header or runs past the end of the table at "
                        + "\(HexLiteral.text(bytes.count)); Linux ends its reading here.")
                return nodes
            }
            if let needed = NodeType.bytes(type) {
                if length >= needed {
                    nodes[at] = type
                } else {
                    note(
                        .error, "viot-node-too-short", at, &findings,
                        "The node of type \(type) has \(length) bytes and needs \(needed); it is not read.")
                }
            } else {
                note(
                    .warning, "viot-node-unknown", at, &findings,
                    "Nodes of type \(type) are not known; Linux leaves this one out.")
            }
            at += length
        }
        if count > ACPILimits.viotNodesMax {
            note(
                .error, "viot-too-many-nodes", 36, &findings,
                "\(count) nodes; the first \(ACPILimits.viotNodesMax) are read.")
        } else if at < bytes.count {
            note(
                .warning, "viot-bytes-left", at, &findings,
                "\(bytes.count - at) bytes after the last of \(count) nodes are not read.")
        }
        return nodes
    }

    private mutating func readUnit(
        _ bytes: TableBytes, _ offset: Int, _ type: UInt8, _ findings: inout FindingList
    ) {
        var unit: Unit
        switch type {
        case NodeType.pciUnit:
            let segment = bytes.u16(offset + 4) ?? 0
            let requester = bytes.u16(offset + 6) ?? 0
            let name = Platform.address(segment: UInt32(segment), UInt32(requester))
            unit = Unit(id: "virtio-iommu@\(name)", function: (segment, requester))
        case NodeType.mmioUnit:
            let base = bytes.u64(offset + 8) ?? 0
            unit = Unit(id: "virtio-iommu@\(HexLiteral.digits(base))", base: base)
        default: return
        }
        if unitOffsets[unit.id] != nil {
            Self.note(
                .warning, "viot-unit-twice", offset, &findings,
                "\(unit.id) appears earlier in the table.")
            unit.id += ":\(HexLiteral.text(offset))"
        }
        unitOffsets[unit.id] = offset
        units.append(unit)
    }

    private mutating func readRange(
        _ bytes: TableBytes, _ offset: Int, _ unit: Unit, _ findings: inout FindingList
    ) {
        let number = { (place: Int) in bytes.u16(offset + place) ?? 0 }
        guard number(8) <= number(10), number(12) <= number(14) else {
            return Self.note(
                .error, "viot-range-backwards", offset, &findings,
                "The range of segments \(number(8)) to \(number(10)) and functions \(HexLiteral.text(number(12))) to "
                    + "\(HexLiteral.text(number(14))) ends before it starts; no function is in it.")
        }
        ranges.append(
            PCIRange(
                offset: offset, endpoint: bytes.u32(offset + 4) ?? 0, segments: number(8)...number(10),
                requesters: number(12)...number(14), unit: unit))
    }

    static func note(
        _ severity: Finding.Severity, _ code: String, _ offset: Int, _ findings: inout FindingList,
        _ detail: String
    ) {
        findings.note(severity, code, "VIOT:\(HexLiteral.text(offset))", detail)
    }
}

// What the table says of one device. Mirrors viot_pci_dev_iommu_init, viot_mmio_dev_iommu_init and
// viot_dev_iommu_init of drivers/acpi/viot.c, Linux 7.2: the first range that holds a function wins, and a
// device that is the virtio-iommu itself is not translated.

extension VIOT {
    /// Streams of the functions of a segment; none when no range holds any.
    /// - Parameter others: streams of SMMUs, which are asked first.
    func streams(ofSegment segment: UInt32, beside others: [StreamMapping]) -> [StreamMapping] {
        var decided = DecidedIDs()
        for other in others {
            guard let (first, last) = other.requesters else { return [] }
            decided.insert(first, last)
        }
        var streams: [StreamMapping] = []
        for range in ranges {
            guard let own = UInt16(exactly: segment), range.segments.contains(own) else { continue }
            let base = range.endpoint &+ UInt32(own - range.segments.lowerBound) << 16
            let first = UInt32(range.requesters.lowerBound)
            let last = UInt32(range.requesters.upperBound)
            for part in decided.open(first, last) {
                for piece in pieces(part, without: range.unit, in: own) {
                    streams.append(
                        StreamMapping(
                            smmu: range.unit.id,
                            kind: .idMap(
                                idBase: piece.first, length: piece.last - piece.first + 1,
                                output: [base &+ (piece.first - first)])))
                }
            }
            decided.insert(first, last)
        }
        return streams
    }

    private func pieces(
        _ part: (first: UInt32, last: UInt32), without unit: Unit, in segment: UInt16
    ) -> [(first: UInt32, last: UInt32)] {
        guard let own = unit.function, own.segment == segment else { return [part] }
        let requester = UInt32(own.requester)
        guard (part.first...part.last).contains(requester) else { return [part] }
        var pieces: [(first: UInt32, last: UInt32)] = []
        if part.first < requester { pieces.append((part.first, requester - 1)) }
        if requester < part.last { pieces.append((requester + 1, part.last)) }
        return pieces
    }

    /// The units as IOMMUs of a platform.
    var iommus: [SMMU] {
        units.map { unit in
            let registers = unit.base.flatMap {
                PhysicalRange(start: PhysicalAddress($0), size: Self.registerBytes)
            }
            return SMMU(
                id: unit.id, version: .virtio, compatible: [], registers: registers.map { [$0] } ?? [],
                enabled: true, iommuCells: 1, coherentWalk: true)
        }
    }

    /// Registers of virtio-mmio and the configuration after them.
    private static let registerBytes: UInt64 = 0x200

    /// Devices of the platform bus; the first node with an address counts.
    var platformDevices: [Device] {
        var seen: Set<UInt64> = []
        return endpoints.filter { seen.insert($0.base).inserted }.map { endpoint in
            Device(
                id: "mmio@\(HexLiteral.digits(endpoint.base))", kind: .platform,
                streams: [StreamMapping(smmu: endpoint.unit.id, kind: .specifier([endpoint.endpoint]))])
        }
    }
}

extension StreamMapping {
    /// The first and the last ID that it maps; nil of a specifier, which is for all.
    fileprivate var requesters: (first: UInt32, last: UInt32)? {
        switch kind {
        case .specifier: return nil
        case .idMap(let base, let length, _), .constant(let base, let length, _):
            guard length > 0 else { return nil }
            let (last, isBeyond) = base.addingReportingOverflow(length - 1)
            return (base, isBeyond ? .max : last)
        }
    }
}
