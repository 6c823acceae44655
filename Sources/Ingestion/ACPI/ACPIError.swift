// Why bytes are no ACPI tables that can be read: facts, with the offset where reading stopped.

import AddressSpaces

/// Tables that are refused as a whole. Everything less than this becomes a finding.
public enum ACPIError: Error, Hashable, Sendable {
    /// Offsets count from the start of the file.
    case shorterThanHeader(bytes: Int, offset: Int)
    case badSignature(offset: Int)
    case lengthTooSmall(signature: String, length: UInt32, offset: Int)
    case lengthExceedsFile(signature: String, length: UInt32, present: Int, offset: Int)
    case tableTooLarge(signature: String, bytes: Int, limitBytes: Int)
    case tooManyTables(limit: Int)
    /// What is there instead, each with its place.
    case noIORT(found: [String])
    /// Two tables of one signature, with their places.
    case secondTable(first: String, second: String)
    /// From here on offsets count from the start of the table.
    case iortTooShort(bytes: Int)
    case nodeOffsetOutside(UInt32, tableBytes: Int)
    case nodePastEnd(index: UInt32, offset: Int, length: Int?, tableBytes: Int, count: UInt32)
    case nodeTooShort(index: UInt32, offset: Int, length: Int)
    case tooManyNodes(limit: Int)
    case tooManyMappings(limit: Int)
    case tooManyRanges(limit: Int)
    case tooManyDevices(limit: Int)
    case tooManyRegions(limit: Int)
    case tooManyStreams(limit: Int)
    case madtEntryTooShort(offset: Int, length: Int)
    case madtEntryPastEnd(offset: Int, length: Int, tableBytes: Int)
    case tooManyFrames(limit: Int)
    /// Lines count from 1.
    case dumpLineUnreadable(line: Int)
    case dumpOffsetWrong(line: Int, expected: Int)
    case dumpWithoutTable

    /// One sentence that names place and cause.
    public var reason: String {
        switch self {
        case .shorterThanHeader(let bytes, let offset):
            "table shorter than an ACPI header at offset \(hex(offset)): "
                + (bytes == 0 ? "it is empty" : "\(bytes) bytes") + ", a header has 36"
        case .badSignature(let offset):
            "no table signature (four of A-Z 0-9 _) at offset \(hex(offset))"
        case .lengthTooSmall(let signature, let length, let offset):
            "length field \(length) of \(signature) at offset \(hex(offset + 4)) is smaller than an ACPI header"
        case .lengthExceedsFile(let signature, let length, let present, let offset):
            "length field \(length) of \(signature) at offset \(hex(offset + 4)) exceeds the \(present) bytes present"
        case .tableTooLarge(let signature, let bytes, let limit):
            "\(signature) has \(bytes) bytes; tables of at most \(limit) are read"
        case .tooManyTables(let limit): "more than \(limit) tables"
        case .noIORT(let found):
            "no IORT among the tables (\(found.isEmpty ? "there are none" : found.joined(separator: ", ")))"
        case .secondTable(let first, let second): "there is \(first) and \(second); send one of them"
        case .iortTooShort(let bytes):
            "IORT ends at offset \(hex(bytes)), inside its header of 48 bytes, which holds node count and offset"
        case .nodeOffsetOutside(let offset, let bytes):
            "node offset \(hex(offset)) at offset 0x28 is outside the nodes' part of the table (\(hex(bytes)) bytes)"
        case .nodePastEnd(let index, let offset, let length, let bytes, let count):
            "node \(index) of \(count) at \(hex(offset))\(length.map { " (length \($0))" } ?? "") runs past "
                + "the end of the table at \(hex(bytes))"
        case .nodeTooShort(let index, let offset, let length):
            "node \(index) at \(hex(offset)) has length \(length), shorter than a node header"
        case .tooManyNodes(let limit): "more than \(limit) IORT nodes"
        case .tooManyMappings(let limit): "more than \(limit) ID mappings"
        case .tooManyRanges(let limit): "more than \(limit) RMR descriptors"
        case .tooManyDevices(let limit): "more than \(limit) devices behind SMMUs"
        case .tooManyRegions(let limit): "more than \(limit) windows and reserved regions"
        case .tooManyStreams(let limit): "more than \(limit) runs of stream IDs"
        case .madtEntryTooShort(let offset, let length):
            "APIC entry at \(hex(offset)) has length \(length), too short for what it is"
        case .madtEntryPastEnd(let offset, let length, let bytes):
            "APIC entry at \(hex(offset)) (length \(length)) runs past the end of the table at \(hex(bytes))"
        case .tooManyFrames(let limit): "more than \(limit) MSI frames and ITSs in the APIC table"
        case .dumpLineUnreadable(let line):
            "line \(line) is neither a table's header (\"IORT @ 0x...\") nor a line of hex"
        case .dumpOffsetWrong(let line, let expected):
            "line \(line) does not continue the table: its offset should be \(hex(expected))"
        case .dumpWithoutTable: "the text holds no table"
        }
    }

    /// The signature of the table whose content is wrong; nil when it is not about one table's content.
    var table: String? {
        switch self {
        case .iortTooShort, .nodeOffsetOutside, .nodePastEnd, .nodeTooShort, .tooManyNodes, .tooManyMappings,
            .tooManyRanges, .tooManyDevices, .tooManyRegions, .tooManyStreams:
            "IORT"
        case .madtEntryTooShort, .madtEntryPastEnd, .tooManyFrames: "APIC"
        default: nil
        }
    }

    private func hex(_ value: some BinaryInteger) -> String { HexLiteral.text(value) }
}
