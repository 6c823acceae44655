// Tables of Markdown and of databases' shells, in which people put regions: "| 0x8000000 | 0x80fffff | msi |".
// A row is read as its cells with blanks between; headings and rules say nothing.

import AddressSpaces

enum TableRow {
    private static let bytesMax = 512
    private static let numberDigitsMax = 5
    private static let bar = UInt8(ascii: "|")

    /// What a row holds, nothing for a heading or a rule; nil for other lines. Bars at the start alone are
    /// marks of quotation.
    ///
    /// - Parameter isHead: the row is its table's first, and a rule follows: what it says are names, whether
    ///   or not they have digits.
    static func content(_ line: ArraySlice<UInt8>, isHead: Bool) -> ArraySlice<UInt8>? {
        let row = LineMarks.trimmed(line.drop(while: TextLines.isBlank))
        guard row.count > 2, row.count <= bytesMax, let first = row.first, let last = row.last else {
            return nil
        }
        if isRule(row) { return row[row.endIndex...] }
        guard first == bar, last == bar, row.dropFirst().dropLast().contains(bar) else { return nil }
        let cells = row.split(separator: bar).map(cell)
        // A number in front may be a group's or a line's, which only the heading tells.
        if let first = cells.first, (1...numberDigitsMax).contains(first.count),
            first.allSatisfy(DecimalLiteral.isDigit)
        {
            return nil
        }
        // Jira doubles the bars of headings.
        let hasNames = isHead || row.starts(with: [bar, bar])
        let isHeading = !cells.contains {
            hasNames ? isValue($0) : $0.contains(where: DecimalLiteral.isDigit)
        }
        return isHeading ? row[row.endIndex...] : Array(cells.joined(separator: [0x20]))[...]
    }

    /// Without the blanks around it, and the marks of code.
    private static func cell(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let bare = LineMarks.trimmed(bytes.drop(while: TextLines.isBlank))
        let mark = UInt8(ascii: "`")
        return bare.count > 2 && bare.first == mark && bare.last == mark ? bare.dropFirst().dropLast() : bare
    }

    /// `+-----+---+` or `|-----|:-:|`, without blanks around it.
    private static func isRule(_ row: ArraySlice<UInt8>) -> Bool {
        guard row.count > 2, row.count <= bytesMax, row.first == bar || row.first == UInt8(ascii: "+"),
            row.last == row.first, row.contains(where: "-=".utf8.contains)
        else { return false }
        return row.allSatisfy { "+-=|: ".utf8.contains($0) }
    }

    /// Whether a line is one under a heading, or around a table.
    static func isRule(line: ArraySlice<UInt8>) -> Bool {
        isRule(LineMarks.trimmed(line.drop(while: TextLines.isBlank)))
    }

    /// `0x8000000`, `08000000-0fffffff`, `0000:01:00.0`: from the first digit on what addresses are written
    /// with, and nothing else. "64-bit start" and "IOMMU group 3" are names.
    private static func isValue(_ cell: ArraySlice<UInt8>) -> Bool {
        guard let first = cell.first, HexLiteral.digit(first) != nil,
            cell.contains(where: DecimalLiteral.isDigit)
        else { return false }
        return cell.allSatisfy { HexLiteral.digit($0) != nil || "xX:.- ".utf8.contains($0) }
    }
}
