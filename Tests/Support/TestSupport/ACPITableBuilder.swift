// ACPI tables written by us, so that tests need no firmware's: an IORT from nodes, an MADT from frames,
// and acpidump's text. Lengths, counts and checksums come out right unless a test spoils them afterwards.

/// Little-endian bytes.
public struct LittleEndian {
    public var bytes: [UInt8] = []

    public init() {}

    public mutating func add<Number: FixedWidthInteger>(_ value: Number) {
        for place in 0..<(Number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Number(8 * place)))
        }
    }
}

/// Builds tables.
public enum ACPITableBuilder {
    /// A table of a signature around `content`, which follows the 36 bytes of the header.
    public static func table(_ signature: String, revision: UInt8, _ content: [UInt8]) -> [UInt8] {
        var header = LittleEndian()
        header.bytes = Array(signature.utf8)
        header.add(UInt32(36 + content.count))
        header.bytes += [revision, 0] + Array("IOVAD TESTSTST".utf8)
        header.bytes += [UInt8](repeating: 0, count: 12)
        return resummed(header.bytes + content)
    }

    /// The table with the checksum that its bytes need.
    public static func resummed(_ table: [UInt8]) -> [UInt8] {
        var table = table
        guard table.count > 9 else { return table }
        table[9] = 0
        table[9] = 0 &- table.reduce(0, &+)
        return table
    }

    /// An MADT of ITSs and GICv2m frames, (identifier, base).
    public static func madt(
        its: [(UInt32, UInt64)] = [], frames: [(UInt32, UInt64)] = []
    ) -> [UInt8] {
        var content = LittleEndian()
        content.add(UInt64(0))
        for (identifier, base) in its {
            content.bytes += [0x0f, 20, 0, 0]
            content.add(identifier)
            content.add(base)
            content.add(UInt32(0))
        }
        for (identifier, base) in frames {
            content.bytes += [0x0d, 24, 0, 0]
            content.add(identifier)
            content.add(base)
            content.add(UInt64(0))
        }
        return table("APIC", revision: 5, content.bytes)
    }

    /// acpidump's text of tables.
    public static func dump(_ tables: [[UInt8]]) -> String {
        func hex(_ value: Int, _ width: Int) -> String {
            let digits = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        var text = ""
        for table in tables {
            text += "\(String(decoding: table.prefix(4), as: UTF8.self)) @ 0x0000000000000000\n"
            for at in stride(from: 0, to: table.count, by: 16) {
                let row = table[at..<min(at + 16, table.count)]
                let columns = row.map { hex(Int($0), 2) + " " }.joined()
                let characters = row.map { (0x20...0x7e).contains($0) ? $0 : 0x2e }
                text += "    \(hex(at, 4)): \(columns)\(String(repeating: "   ", count: 16 - row.count)) "
                text += String(decoding: characters, as: UTF8.self) + "\n"
            }
            text += "\n"
        }
        return text
    }
}

/// Builds an IORT node by node; offsets are known as nodes are added, so references can be made.
public struct IORTBuilder {
    public struct Mapping {
        public var input: UInt32
        public var lastIndex: UInt32
        public var output: UInt32
        public var target: UInt32
        public var isSingle: Bool

        public init(
            _ input: UInt32, _ lastIndex: UInt32, _ output: UInt32, to target: UInt32, single: Bool = false
        ) {
            self.input = input
            self.lastIndex = lastIndex
            self.output = output
            self.target = target
            isSingle = single
        }
    }

    private var nodes: [UInt8] = []
    private var count: UInt32 = 0

    public init() {}

    /// Offset of the node that is added next.
    public var next: UInt32 { UInt32(48 + nodes.count) }

    /// Adds a node of `content` after its 16 bytes of header, and mappings after that.
    @discardableResult
    public mutating func add(
        type: UInt8, revision: UInt8, _ content: [UInt8], _ mappings: [Mapping] = []
    ) -> UInt32 {
        let offset = next
        var content = content
        while (16 + content.count) % 4 != 0 { content.append(0) }
        var node = LittleEndian()
        node.add(type)
        node.add(UInt16(16 + content.count + 20 * mappings.count))
        node.add(revision)
        node.add(count)
        node.add(UInt32(mappings.count))
        node.add(UInt32(mappings.isEmpty ? 0 : 16 + content.count))
        node.bytes += content
        for mapping in mappings {
            for field in [mapping.input, mapping.lastIndex, mapping.output, mapping.target] {
                node.add(field)
            }
            node.add(UInt32(mapping.isSingle ? 1 : 0))
        }
        nodes += node.bytes
        count += 1
        return offset
    }

    @discardableResult
    public mutating func itsGroup(_ identifiers: [UInt32]) -> UInt32 {
        var content = LittleEndian()
        content.add(UInt32(identifiers.count))
        for identifier in identifiers { content.add(identifier) }
        return add(type: 0, revision: 1, content.bytes)
    }

    @discardableResult
    public mutating func smmuV3(
        base: UInt64, model: UInt32 = 0, revision: UInt8 = 4, flags: UInt32 = 1, ownMapping: UInt32 = 0,
        lines: UInt32 = 74, _ mappings: [Mapping] = []
    ) -> UInt32 {
        var content = LittleEndian()
        content.add(base)
        content.add(flags)
        content.add(UInt32(0))
        content.add(UInt64(0))
        content.add(model)
        for _ in 0..<4 { content.add(lines) }
        content.add(UInt32(0))
        content.add(ownMapping)
        return add(type: 4, revision: revision, content.bytes, mappings)
    }

    @discardableResult
    public mutating func rootComplex(
        segment: UInt32, limit: UInt8 = 64, revision: UInt8 = 4, _ mappings: [Mapping]
    ) -> UInt32 {
        var content = LittleEndian()
        content.add(UInt32(1))
        content.bytes += [0, 0, 0, 3]
        content.add(UInt32(0))
        content.add(segment)
        content.bytes += [limit, 0, 0, 0]
        return add(type: 2, revision: revision, content.bytes, mappings)
    }

    @discardableResult
    public mutating func namedComponent(_ name: String, limit: UInt8 = 40, _ mappings: [Mapping]) -> UInt32 {
        var content = LittleEndian()
        content.add(UInt32(0))
        content.add(UInt32(1))
        content.bytes += [0, 0, 0, 3, limit] + Array(name.utf8) + [0]
        return add(type: 1, revision: 4, content.bytes, mappings)
    }

    @discardableResult
    public mutating func performanceCounters(base: UInt64, reference: UInt32) -> UInt32 {
        var content = LittleEndian()
        content.add(base)
        content.add(UInt32(0))
        content.add(reference)
        content.add(base + 0x1000)
        return add(type: 5, revision: 2, content.bytes)
    }

    @discardableResult
    public mutating func memoryRanges(
        _ ranges: [(UInt64, UInt64)], flags: UInt32 = 0, _ mappings: [Mapping]
    ) -> UInt32 {
        var content = LittleEndian()
        content.add(flags)
        content.add(UInt32(ranges.count))
        content.add(UInt32(28))
        for (base, length) in ranges {
            content.add(base)
            content.add(length)
            content.add(UInt32(0))
        }
        return add(type: 6, revision: 3, content.bytes, mappings)
    }

    public func table(revision: UInt8 = 6) -> [UInt8] {
        var content = LittleEndian()
        content.add(count)
        content.add(UInt32(48))
        content.add(UInt32(0))
        return ACPITableBuilder.table("IORT", revision: revision, content.bytes + nodes)
    }
}

extension ACPITableBuilder {
    /// Entries of segment, first and last bus, each with a mebibyte for a bus.
    public static func mcfg(_ entries: [(segment: UInt16, first: UInt8, last: UInt8)]) -> [UInt8] {
        var content = LittleEndian()
        content.add(UInt64(0))
        for (place, entry) in entries.enumerated() {
            content.add(UInt64(0x40_1000_0000) + UInt64(place) << 28)
            content.add(entry.segment)
            content.bytes += [entry.first, entry.last, 0, 0, 0, 0]
        }
        return table("MCFG", revision: 1, content.bytes)
    }
}

/// Builds a VIOT node by node; offsets are known as nodes are added, so references can be made.
public struct VIOTBuilder {
    private var nodes: [UInt8] = []
    private var count: UInt16 = 0

    public init() {}

    /// Offset of the node that is added next.
    public var next: UInt16 { UInt16(48 + nodes.count) }

    /// Adds a node of `content` after its 4 bytes of header.
    @discardableResult
    public mutating func add(type: UInt8, _ content: [UInt8]) -> UInt16 {
        let offset = next
        var node = LittleEndian()
        node.bytes = [type, 0]
        node.add(UInt16(4 + content.count))
        nodes += node.bytes + content
        count += 1
        return offset
    }

    @discardableResult
    public mutating func pciUnit(segment: UInt16, requester: UInt16) -> UInt16 {
        var content = LittleEndian()
        content.add(segment)
        content.add(requester)
        content.add(UInt64(0))
        return add(type: 3, content.bytes)
    }

    @discardableResult
    public mutating func mmioUnit(base: UInt64) -> UInt16 {
        var content = LittleEndian()
        content.add(UInt32(0))
        content.add(base)
        return add(type: 4, content.bytes)
    }

    @discardableResult
    public mutating func pciRange(
        endpoint: UInt32, segments: (UInt16, UInt16), requesters: (UInt16, UInt16), to unit: UInt16
    ) -> UInt16 {
        var content = LittleEndian()
        content.add(endpoint)
        for number in [segments.0, segments.1, requesters.0, requesters.1, unit] { content.add(number) }
        content.bytes += [UInt8](repeating: 0, count: 6)
        return add(type: 1, content.bytes)
    }

    @discardableResult
    public mutating func mmioEndpoint(endpoint: UInt32, base: UInt64, to unit: UInt16) -> UInt16 {
        var content = LittleEndian()
        content.add(endpoint)
        content.add(base)
        content.add(unit)
        content.bytes += [UInt8](repeating: 0, count: 6)
        return add(type: 2, content.bytes)
    }

    public func table() -> [UInt8] {
        var content = LittleEndian()
        content.add(count)
        content.add(UInt16(48))
        content.add(UInt64(0))
        return ACPITableBuilder.table("VIOT", revision: 0, content.bytes + nodes)
    }
}
