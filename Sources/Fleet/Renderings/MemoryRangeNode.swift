// A Reserved Memory Range node of an IORT, in the words of iasl's data tables and as bytes. It tells a
// guest with a nested SMMUv3 where the window is, or a host's kernel what its firmware left out. Mirrors
// Arm DEN 0049 (IORT), issue E.e, chapter 3, and drivers/acpi/arm64/iort.c: iort_node_get_rmr_info, Linux
// 7.2.

import AddressSpaces
import Machines

/// One node with one range.
struct MemoryRangeNode {
    /// Stream IDs of an SMMU that the node is for.
    struct Streams: Hashable {
        var first: UInt32
        /// IDs less one, as the table counts them.
        var lastIndex: UInt32

        /// All that a PCI segment has.
        static let wholeSegment = Streams(first: 0, lastIndex: 0xffff)
    }

    private let range: IOVARange
    private let streams: [Streams]
    /// Whether the kernel may map the range elsewhere: then the region is direct-relaxable, else direct.
    private let isRemapPermitted: Bool
    private let remarks: [String]

    /// When Linux reads it.
    static let condition =
        "Linux applies it to PCI functions where _DSM function 5 of their host bridge keeps the boot configuration."
    /// Where the first node of a table lies, which is the SMMU's as a rule.
    private static let firstNodeOffset: UInt32 = 48
    private static let headerBytes = 28
    private static let mappingBytes = 20
    private static let rangeBytes = 20
    /// Of RMR nodes of issue E.e.
    private static let revision: UInt8 = 3

    /// For the guest.
    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        guard vm.isNested else { throw .unseen }
        let writer =
            vm.guest.vmm.map { ["\($0.name) writes it by itself: this is what it has to say."] } ?? []
        try self.init(
            vm.window, [.wholeSegment], isRemapPermitted: false,
            remarks: vm.marks + [
                "For the guest's IORT, revision 5 or later: the window \(vm.window.text), mapped one to one."
            ] + writer + [Self.condition])
    }

    /// - Parameter streams: at least one.
    init(
        _ range: IOVARange, _ streams: [Streams], isRemapPermitted: Bool, remarks: [String]
    ) throws(Rendering.Refusal) {
        guard let size = range.size, ReservedRegion.isAlignedRMR(base: range.start.value, length: size) else {
            throw .init("IORT asks for multiples of 64 KiB, and \(range.text) is not.")
        }
        self.range = range
        self.streams = streams
        self.isRemapPermitted = isRemapPermitted
        self.remarks = remarks
    }

    private var size: UInt64 { range.size ?? 0 }
    private var rangeOffset: Int { Self.headerBytes + streams.count * Self.mappingBytes }
    private var length: Int { rangeOffset + Self.rangeBytes }

    var bytes: [UInt8] { written.bytes }

    private var written: TableBytesWriter {
        var table = TableBytesWriter()
        table.append(UInt8(6))
        table.append(UInt16(length))
        table.append(Self.revision)
        // The identifier, which nothing refers to.
        table.append(UInt32(0))
        table.append(UInt32(streams.count))
        table.append(UInt32(Self.headerBytes))
        table.append(UInt32(isRemapPermitted ? 1 : 0))
        table.append(UInt32(1))
        table.append(UInt32(rangeOffset))
        for stream in streams {
            table.append(UInt32(0))
            table.append(stream.lastIndex)
            table.append(stream.first)
            table.append(Self.firstNodeOffset)
            table.append(UInt32(0))
        }
        table.append(range.start.value)
        table.append(size)
        table.append(UInt32(0))
        return table
    }

    var text: String {
        let told =
            remarks + [
                "Output Reference is the offset of the SMMU's node in the table; "
                    + "\(HexLiteral.text(Self.firstNodeOffset)) where it is the first."
            ]
        return "/* \(told.joined(separator: "\n * "))\n */\n"
            + fields.map { Self.line($0.bytes, $0.name, $0.value) }.joined()
            + "\n/* The same as bytes. */\n\(written.rows(of: 16))\n"
    }

    private typealias Field = (bytes: Int, name: String, value: UInt64)

    private var fields: [Field] {
        let header: [Field] = [
            (1, "Type", 6), (2, "Length", UInt64(length)), (1, "Revision", UInt64(Self.revision)),
            (4, "Identifier", 0), (4, "Mapping Count", UInt64(streams.count)),
            (4, "Mapping Offset", UInt64(Self.headerBytes)),
            (4, "Flags (decoded below)", isRemapPermitted ? 1 : 0),
            (0, "Remapping Permitted", isRemapPermitted ? 1 : 0), (0, "Access Privileged", 0),
            (0, "Access Attributes", 0), (4, "Number of RMR Descriptors", 1),
            (4, "RMR Descriptor Offset", UInt64(rangeOffset)),
        ]
        let mappings = streams.flatMap { stream -> [Field] in
            [
                (4, "Input base", 0), (4, "ID Count", UInt64(stream.lastIndex)),
                (4, "Output Base", UInt64(stream.first)),
                (4, "Output Reference", UInt64(Self.firstNodeOffset)), (4, "Flags (decoded below)", 0),
                (0, "Single Mapping", 0),
            ]
        }
        let ranges: [Field] = [
            (8, "Base Address of RMR", range.start.value), (8, "Length of RMR", size), (4, "Reserved", 0),
        ]
        return header + mappings + ranges
    }

    /// As iasl writes it: the field's bytes in brackets, and its digits; parts of a field have no brackets.
    private static func line(_ bytes: Int, _ name: String, _ value: UInt64) -> String {
        let size = bytes > 0 ? "[\(HexLiteral.digits(UInt64(bytes), atLeast: 4))]" : "      "
        let blanks = String(repeating: " ", count: max(1, 32 - name.utf8.count))
        let digits = HexLiteral.digits(value, atLeast: max(2 * bytes, 1)).uppercased()
        return "\(size)\(blanks)\(name) : \(digits)\n"
    }
}

extension Rendering.Refusal {
    /// Of what tells a guest of its window.
    static let unseen = Rendering.Refusal(
        "The guest does not see the window: it has no nested SMMUv3, so that nothing is to be told to it.")
}
