// The text that acpidump prints: a header with signature and address, then lines of an offset, up to
// sixteen bytes in hex, and the same bytes as characters. Offsets must continue each other, so that a line
// lost in a mail is noticed.

import AddressSpaces

enum ACPIDumpText {
    private static let hexColumns = 16 * 3
    private static let rootPointers = ["RSD PTR", "RSD PTR ", "RSD "].map { Array($0.utf8) }

    /// Whether the first line that is not blank is a table's header.
    static func isDump(_ file: [UInt8]) -> Bool {
        let start = file.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
        return isHeader(start.prefix { $0 != 0x0a })
    }

    /// The file as clean text, when it is a dump; nil for binary tables and all other files.
    static func text(_ file: [UInt8]) -> CleanText? {
        guard isDump(file) || !InputKind.isTable(file) else { return nil }
        let clean = CleanText(file, stamps: .removed)
        return isDump(clean.bytes) ? clean : nil
    }

    /// `IORT @ 0x00000000B962E418`
    private static func isHeader(_ line: ArraySlice<UInt8>) -> Bool {
        let mark = Array(" @ 0x".utf8)
        let bare = line.drop { $0 == 0x20 || $0 == 0x09 }
        // The root pointer's signature has blanks, and acpidump prints all of it or four characters.
        let root = rootPointers.first { bare.starts(with: $0 + mark) }
        guard root != nil || ACPITable.isSignature(bare.prefix(4)) else { return false }
        let width = root?.count ?? 4
        guard bare.count > width + mark.count else { return false }
        let address = bare.dropFirst(width + mark.count).filter { $0 != 0x0d && $0 != 0x20 }
        return bare.dropFirst(width).starts(with: mark) && !address.isEmpty
            && address.allSatisfy { HexLiteral.digit($0) != nil }
    }

    /// The bytes of each table.
    static func tables(_ text: CleanText, _ findings: inout FindingList) throws(ACPIError) -> [[UInt8]] {
        var tables: [[UInt8]] = []
        var notes = CleaningNotes()
        /// Characters that the line before has not, and may be in the next line.
        var isCut = false
        for line in text.lines where !line.isBlank {
            if isHeader(line.bytes) {
                guard tables.count < ACPILimits.tablesMax else {
                    throw .tooManyTables(limit: ACPILimits.tablesMax)
                }
                tables.append([])
                isCut = false
                continue
            }
            let last = tables.count - 1
            guard last >= 0, let (offset, bytes) = hexLine(line.bytes), !isCut || offset >= tables[last].count
            else {
                guard isCut else { throw .dumpLineUnreadable(line: line.number) }
                // The same bytes as characters are no new fact.
                notes.note(.wrapped, line: line.number)
                isCut = false
                continue
            }
            guard offset == tables[last].count else {
                throw .dumpOffsetWrong(line: line.number, expected: tables[last].count)
            }
            tables[last] += bytes
            isCut = line.bytes.count - line.indentation < fullColumns
        }
        guard !tables.isEmpty else { throw .dumpWithoutTable }
        notes.tell(&findings)
        return tables
    }

    /// `0000: `, the hex columns, two blanks and sixteen characters.
    private static let fullColumns = 6 + hexColumns + 1 + 16

    /// The hex part ends by its columns: characters after it may look like hex.
    private static func hexLine(_ line: ArraySlice<UInt8>) -> (offset: Int, bytes: [UInt8])? {
        let bare = line.drop { $0 == 0x20 || $0 == 0x09 }
        let offsetText = bare.prefix { HexLiteral.digit($0) != nil }
        let rest = bare.dropFirst(offsetText.count)
        guard (1...8).contains(offsetText.count), rest.starts(with: [0x3a, 0x20]) else { return nil }
        let offset = Int(TextLines.bareHex(offsetText) ?? 0)
        let columns = Array(rest.dropFirst(2).prefix(hexColumns))
        var bytes: [UInt8] = []
        var at = 0
        while at + 1 < columns.count, let high = HexLiteral.digit(columns[at]),
            let low = HexLiteral.digit(columns[at + 1])
        {
            bytes.append(high << 4 | low)
            guard at + 2 >= columns.count || columns[at + 2] == 0x20 || columns[at + 2] == 0x0d else {
                return nil
            }
            at += 3
        }
        let isBlankBehind = columns.dropFirst(at).allSatisfy { $0 == 0x20 || $0 == 0x0d }
        // A short last line without padding has its characters right after the hex.
        return bytes.isEmpty || (!isBlankBehind && columns.dropFirst(at).first != 0x20)
            ? nil : (offset, bytes)
    }
}
