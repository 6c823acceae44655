// What mail programs, pagers, forums and loggers write on the lines that they carry. Each function takes one
// kind of mark from the start of a line; none of them looks further than such a mark goes.

import AddressSpaces

enum LineMarks {
    /// More is not quoted, but drawn.
    static let quoteBytesMax = 128
    private static let blanksMax = 8

    /// The line without "> > ", ">>", "| " or a mixture, and without the one blank after it; nil when it is
    /// not quoted. Deeper blanks are the line's own.
    static func withoutQuotes(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = line
        var isQuoted = false
        while rest.startIndex - line.startIndex < quoteBytesMax {
            let blanks = rest.prefix(blanksMax).prefix(while: TextLines.isBlank).count
            let bare = rest.dropFirst(blanks)
            guard let first = bare.first else { break }
            let next = bare.dropFirst().first
            // A "|" may also belong to a table or a drawing.
            let isBar = first == 0x7c && (next.map { TextLines.isBlank($0) || isMark($0) } ?? true)
            guard first == 0x3e || isBar else { break }
            rest = bare.dropFirst()
            isQuoted = true
        }
        guard isQuoted else { return nil }
        return rest.first == 0x20 ? rest.dropFirst() : rest
    }

    private static func isMark(_ byte: UInt8) -> Bool { byte == 0x3e || byte == 0x7c }

    /// What follows a banner of `more` ("--More--(12%)"), or nothing for a line of `less`; nil for other lines.
    static func withoutPager(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bare = line.drop(while: TextLines.isBlank)
        for banner in ["--More--", "-- More --"] where starts(bare, banner) {
            let rest = bare.dropFirst(banner.utf8.count)
            let gap = rest.prefix(while: TextLines.isBlank)
            guard rest.dropFirst(gap.count).first == 0x28 else { return rest }
            let close = rest.prefix(bannerBytesMax).firstIndex(of: 0x29)
            return close.map { rest[($0 + 1)...] } ?? rest
        }
        let text = TextLines.string(trimmed(bare).prefix(bannerBytesMax))
        // Above and below the name of each of several files.
        let isRule = text.utf8.count >= 8 && text.utf8.allSatisfy { $0 == 0x3a }
        let isLess =
            isRule || [":", "(END)", "...skipping...", "~"].contains(text) || text.hasSuffix("(END)")
        return isLess || isPosition(text) ? bare[bare.endIndex...] : nil
    }

    private static let bannerBytesMax = 48

    /// `lines 1-23/80 28%`
    private static func isPosition(_ text: String) -> Bool {
        let words = text.split(separator: " ")
        guard (2...3).contains(words.count), words[0] == "lines" else { return false }
        return words[1].allSatisfy { $0.isNumber || $0 == "-" || $0 == "/" }
            && (words.count == 2 || words[2].hasSuffix("%"))
    }

    private static let fences = ["[code]", "[/code]", "<pre>", "</pre>", "<code>", "</code>"]

    /// The line without the marks that show it as code; nil when it has none.
    static func withoutFences(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bare = trimmed(line.drop(while: TextLines.isBlank))
        guard let first = bare.first, let last = bare.last else { return nil }
        for fence in ["```", "~~~"] where starts(bare, fence) {
            let rest = bare.dropFirst(fence.utf8.count)
            // The name of a language belongs to the fence.
            let isAlone = rest.allSatisfy { !TextLines.isBlank($0) && $0 != 0x3a && $0 != 0x2f }
            return isAlone ? bare[bare.endIndex...] : rest
        }
        if bare.count > 3, bare.suffix(3).elementsEqual("```".utf8) { return bare.dropLast(3) }
        if first == 0x60, last == 0x60, bare.count > 2 { return bare.dropFirst().dropLast() }
        guard first == 0x5b || first == 0x3c || last == 0x5d || last == 0x3e else { return nil }
        for fence in fences {
            let count = fence.utf8.count
            if lowercased(bare.prefix(count)).elementsEqual(fence.utf8) { return bare.dropFirst(count) }
            if lowercased(bare.suffix(count)).elementsEqual(fence.utf8) {
                return line.dropLast(line.endIndex - bare.endIndex + count)
            }
        }
        return nil
    }

    /// Whether script(1) wrote the line.
    static func isScript(_ line: ArraySlice<UInt8>) -> Bool {
        starts(line, "Script started") || starts(line, "Script done")
    }

    /// `On Tue, 4 Feb 2025 at 10:11, Somebody wrote:`
    static func isAttribution(_ line: ArraySlice<UInt8>) -> Bool {
        starts(line, "On ") && trimmed(line).suffix(6).elementsEqual("wrote:".utf8)
    }

    static func starts(_ line: ArraySlice<UInt8>, _ words: String) -> Bool {
        line.starts(with: words.utf8)
    }

    /// Without blanks at the end.
    static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.lastIndex { !TextLines.isBlank($0) }.map { line[...$0] } ?? line[..<line.startIndex]
    }

    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        bytes.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    }
}
