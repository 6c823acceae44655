// What loggers have in front of a line, for readers of texts that never have it: priorities, seconds since
// the start, dates, host and program.

import AddressSpaces

enum LogStamp {
    private static let months = [
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec ",
    ]
    private static let stampBytesMax = 64

    /// The line without its stamp and the one blank after it; nil when it has none.
    static func removed(from line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let first = line.first else { return nil }
        let rest =
            switch first {
            case UInt8(ascii: "<"): afterPriority(line)
            case UInt8(ascii: "["): afterSeconds(line)
            case UInt8(ascii: "A")...UInt8(ascii: "S"): afterDate(line)
            case UInt8(ascii: "1")...UInt8(ascii: "9"): afterISODate(line)
            case UInt8(ascii: "k"): line.starts(with: "kernel:".utf8) ? line.dropFirst(7) : nil
            default: nil as ArraySlice<UInt8>?
            }
        return rest.map { $0.first == 0x20 ? $0.dropFirst() : $0 }
    }

    private static func colons(_ word: ArraySlice<UInt8>) -> Int { word.count(where: { $0 == 0x3a }) }

    private static func isDigit(_ byte: UInt8) -> Bool { DecimalLiteral.isDigit(byte) }

    /// `<6>`
    private static func afterPriority(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let digits = line.dropFirst().prefix(4).prefix(while: isDigit)
        guard !digits.isEmpty, digits.endIndex < line.endIndex, line[digits.endIndex] == 0x3e else {
            return nil
        }
        return line[(digits.endIndex + 1)...]
    }

    /// `[   12.345678]`, `[    C0]`, `[ T123]`, `[Mon Jan 12 10:11:12 2026]`
    private static func afterSeconds(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let close = line.prefix(stampBytesMax).firstIndex(of: 0x5d) else { return nil }
        let inner = line[(line.startIndex + 1)..<close]
        let words = inner.split(whereSeparator: TextLines.isBlank)
        let isTime =
            words.count == 1 && words[0].contains(0x2e) && words[0].allSatisfy { isDigit($0) || $0 == 0x2e }
        let isCaller =
            words.count == 1 && [0x43, 0x54].contains(words[0].first) && words[0].count > 1
            && words[0].dropFirst().allSatisfy(isDigit)
        let isDate = words.count == 5 && colons(words[3]) == 2 && words[4].allSatisfy(isDigit)
        return isTime || isCaller || isDate ? line[(close + 1)...] : nil
    }

    /// `Jan 12 10:11:12 host kernel: `
    private static func afterDate(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard months.contains(where: { line.starts(with: $0.utf8) }) else { return nil }
        var rest = line.dropFirst(4).drop(while: TextLines.isBlank)
        guard let day = word(&rest), day.allSatisfy(isDigit), let time = word(&rest), colons(time) == 2
        else { return nil }
        return afterProgram(rest)
    }

    /// `2026-01-12T10:11:12.345+00:00 host kernel: `
    private static func afterISODate(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = line
        guard let date = word(&rest), date.count >= 16, date.contains(0x2d), date.contains(0x54),
            colons(date) >= 1
        else { return nil }
        return afterProgram(rest)
    }

    /// Host and `program[12]:`.
    private static func afterProgram(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = line
        guard word(&rest) != nil else { return nil }
        let bare = rest.drop(while: TextLines.isBlank)
        let program = bare.prefix(stampBytesMax).prefix { !TextLines.isBlank($0) }
        guard program.last == 0x3a else { return nil }
        return bare[program.endIndex...]
    }

    /// Takes the next word.
    private static func word(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bare = rest.drop(while: TextLines.isBlank)
        let word = bare.prefix(stampBytesMax).prefix { !TextLines.isBlank($0) }
        rest = bare[word.endIndex...]
        return word.isEmpty ? nil : word
    }
}
