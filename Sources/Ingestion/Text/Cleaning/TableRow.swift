// Tables of Markdown and of databases' shells, in which people put regions: "| 0x8000000 | 0x80fffff | msi |".
// A row is read as its cells with blanks between; headings and rules say nothing.

import AddressSpaces

enum TableRow {
    private static let bytesMax = 512
    private static let numberDigitsMax = 5
    private static let bar = UInt8(ascii: "|")

    /// What a row holds, nothing for a heading or a rule; nil for other lines. Bars at the start alone are
    /// marks of quotation.
    static func content(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let row = LineMarks.trimmed(line.drop(while: TextLines.isBlank))
        guard row.count > 2, row.count <= bytesMax, let first = row.first, let last = row.last else {
            return nil
        }
        if first == UInt8(ascii: "+"), last == first, row.allSatisfy(isOfRule) { return row[row.endIndex...] }
        guard first == bar, last == bar, row.dropFirst().dropLast().contains(bar) else { return nil }
        let cells = row.split(separator: bar).map(cell)
        // A number in front may be a group's or a line's, which only the heading tells.
        if let first = cells.first, (1...numberDigitsMax).contains(first.count),
            first.allSatisfy(DecimalLiteral.isDigit)
        {
            return nil
        }
        let isHeading = !cells.contains { $0.contains(where: DecimalLiteral.isDigit) }
        return isHeading ? row[row.endIndex...] : Array(cells.joined(separator: [0x20]))[...]
    }

    /// Without the blanks around it, and the marks of code.
    private static func cell(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let bare = LineMarks.trimmed(bytes.drop(while: TextLines.isBlank))
        let mark = UInt8(ascii: "`")
        return bare.count > 2 && bare.first == mark && bare.last == mark ? bare.dropFirst().dropLast() : bare
    }

    private static func isOfRule(_ byte: UInt8) -> Bool { "+-=".utf8.contains(byte) }
}
