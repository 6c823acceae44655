// The encoding of mail that ends long lines with "=" and writes "=3D" for "=" (RFC 2045, section 6.7). Kernel
// logs are full of "=" themselves, so a text is taken for encoded only where its own "=" say so.

import AddressSpaces

enum QuotedPrintable {
    static func decoded(_ text: [UInt8], _ notes: inout CleaningNotes) -> [UInt8] {
        guard text.contains(equals), isEncoded(text) else { return text }
        var decoder = Decoder(notes)
        decoder.run(text)
        notes = decoder.notes
        return decoder.out
    }

    private static let equals: UInt8 = 0x3d

    /// What stands after a "=".
    private enum Escape {
        /// The line goes on after this many bytes.
        case softBreak(Int)
        case byte(UInt8)
        /// Cut off by the end of the text.
        case cut
        /// No encoder writes it.
        case invalid
    }

    private static func escape(_ text: [UInt8], at place: Int) -> Escape {
        var end = place + 1
        while end < text.count, TextLines.isBlank(text[end]) { end += 1 }
        if end < text.count, text[end] == 0x0d { end += 1 }
        if end < text.count, text[end] == 0x0a { return .softBreak(end + 1 - place) }
        guard place + 2 < text.count else { return .cut }
        guard let high = HexLiteral.digit(text[place + 1]), let low = HexLiteral.digit(text[place + 2]) else {
            return .invalid
        }
        let byte = high << 4 | low
        if byte == equals { return .byte(byte) }
        // A number after a "=" looks like an escape: only bytes that have to be escaped count.
        let isUpper = !text[(place + 1)...(place + 2)].contains { $0 >= 0x61 }
        let isAtEnd = place + 3 >= text.count || text[place + 3] == 0x0a || text[place + 3] == 0x0d
        let isBlank = TextLines.isBlank(byte) && isAtEnd
        // Names stand close to their "=", so a tab after a blank is one.
        let isTab = byte == 0x09 && place > 0 && TextLines.isBlank(text[place - 1])
        let isControl = [0x07, 0x08, 0x0d, 0x1b].contains(byte) || isTab
        return isUpper && (byte >= 0x80 || isBlank || isControl) ? .byte(byte) : .invalid
    }

    private static let softColumnsMin = 40

    /// Soft breaks alone must be all the "=" that there are; beside "=3D" a few others may stand.
    private static func isEncoded(_ text: [UInt8]) -> Bool {
        var counts = (escaped: 0, soft: 0, short: 0, invalid: 0)
        for place in text.indices where text[place] == equals {
            switch escape(text, at: place) {
            case .softBreak(let length):
                let next = place + length
                guard next < text.count, text[next] != 0x0a, !isRegister(text, at: place) else { continue }
                let line = text[max(0, place - softColumnsMin)..<place]
                if line.count == softColumnsMin, !line.contains(0x0a) {
                    counts.soft += 1
                } else {
                    counts.short += 1
                }
            case .byte(let byte): if byte == equals { counts.escaped += 1 }
            case .cut: continue
            case .invalid: counts.invalid += 1
            }
        }
        // Alone, a short line with "=" at its end is a name without a value.
        guard counts.escaped > 0 else { return counts.soft > 0 && counts.short + counts.invalid == 0 }
        return counts.invalid * 8 <= counts.escaped
    }

    /// Whether a register's name and blanks stand in front of a "=": where a mail was broken behind it, its
    /// value is on the next line.
    private static func isRegister(_ text: [UInt8], at place: Int) -> Bool {
        let before = text[max(0, place - softColumnsMin)..<place]
        guard before.last.map(TextLines.isBlank) == true else { return false }
        // A name is aligned with blanks; a tab is the text's own.
        if before.reversed().prefix(while: { $0 == 0x20 }).count > 1 { return true }
        let words = FaultStamp.trimmed(before)
        return FaultForm.registerNames.contains { name in
            words.suffix(name.utf8.count).elementsEqual(name.utf8)
                && words.dropLast(name.utf8.count).last.map(TextLines.isBlank) == true
        }
    }

    private struct Decoder {
        var out: [UInt8] = []
        var notes: CleaningNotes
        private var number = 1
        private var isNoted = false
        /// Line feeds of soft breaks, which follow the line's own, so that numbers stay.
        private var owed = 0
        private var lineStart = 0

        init(_ notes: CleaningNotes) { self.notes = notes }

        mutating func run(_ text: [UInt8]) {
            out.reserveCapacity(text.count)
            var at = 0
            while at < text.count {
                guard text[at] == equals else {
                    take(text[at])
                    at += 1
                    continue
                }
                switch escape(text, at: at) {
                case .softBreak(let length):
                    note()
                    owed += 1
                    at += length
                    // The line that goes on is quoted as its beginning is.
                    if LineMarks.withoutQuotes(out[lineStart...]) != nil { at = afterQuotes(text, at) }
                case .byte(let byte):
                    note()
                    out.append(byte)
                    at += 3
                case .cut, .invalid:
                    out.append(equals)
                    at += 1
                }
            }
        }

        private mutating func take(_ byte: UInt8) {
            out.append(byte)
            guard byte == 0x0a else { return }
            out += repeatElement(0x0a, count: owed)
            number += 1 + owed
            (owed, isNoted, lineStart) = (0, false, out.count)
        }

        private mutating func note() {
            if !isNoted { notes.note(.quotedPrintable, line: number) }
            isNoted = true
        }

        /// Quotation marks are few: no further than they go.
        private func afterQuotes(_ text: [UInt8], _ at: Int) -> Int {
            let line = text[at...].prefix(LineMarks.quoteBytesMax)
            return LineMarks.withoutQuotes(line).map(\.startIndex) ?? at
        }
    }
}
