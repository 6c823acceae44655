// What logs put around messages: stamps, levels, colours, quotation marks. A stamp is told as it is printed;
// everything else is only seen through.

import AddressSpaces

/// The stamps of a log.
enum FaultStamp {
    private static let bytesMax = 64
    private static let stampsMax = 8

    /// The time in what stands in front of a message: `12.345678` of brackets, or a journal's or a syslog's.
    static func time(in front: ArraySlice<UInt8>) -> String? {
        var rest = front.suffix(4 * bytesMax)
        while let open = rest.lastIndex(of: 0x5b) {
            let inside = rest[(open + 1)...].prefix { $0 != 0x5d }
            // `dmesg --show-delta` adds the time since the line before: "1.919614 < 0.000012>".
            let stamp = trimmed(inside.prefix { $0 != 0x3c })
            if inside.endIndex < rest.endIndex, isTime(stamp) { return TextLines.string(stamp) }
            rest = rest[..<open]
        }
        let words = front.prefix(bytesMax).drop { TextLines.isBlank($0) || $0 == 0x3e }
            .split(whereSeparator: TextLines.isBlank)
        if let first = words.first, first.count >= 19, first[first.startIndex + 4] == 0x2d, hasClock(first) {
            return TextLines.string(first)
        }
        if words.count > 2, words[0].count == 3, words[1].count <= 2, hasClock(words[2]) {
            return words[..<3].map { TextLines.string($0) }.joined(separator: " ")
        }
        return nil
    }

    /// Seconds, or a date with a clock.
    private static func isTime(_ stamp: ArraySlice<UInt8>) -> Bool {
        guard stamp.contains(where: isDigit) else { return false }
        return stamp.contains(0x2e) && stamp.allSatisfy { isDigit($0) || $0 == 0x2e } || hasClock(stamp)
    }

    /// Whether `12:34:56` stands in a text. Numbers of PCI functions have four digits in front.
    static func hasClock(_ text: ArraySlice<UInt8>) -> Bool {
        let bytes = Array(text.prefix(bytesMax))
        guard bytes.count >= 8 else { return false }
        return (0...bytes.count - 8).contains { at in
            (at == 0 || !isDigit(bytes[at - 1])) && bytes[at + 2] == 0x3a && bytes[at + 5] == 0x3a
                && [0, 1, 3, 4, 6, 7].allSatisfy { isDigit(bytes[at + $0]) }
        }
    }

    /// Without `<3>`, `[   12.345678] `, `[ C0] ` and quotation marks of mail in front.
    static func removed(inFrontOf bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = bytes
        while let first = text.first {
            let close: UInt8? = first == 0x3c ? 0x3e : first == 0x5b ? 0x5d : nil
            if let close, let end = text.prefix(bytesMax).firstIndex(of: close), !FaultForm.opensFlags(text) {
                text = text[(end + 1)...]
            } else if TextLines.isBlank(first) || first == 0x3e {
                text = text.dropFirst()
            } else {
                break
            }
        }
        return withoutTabs(text)
    }

    /// Without the stamps of a message that follows on the same line, or on the next.
    static func removed(behind bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = trimmed(bytes)
        for _ in 0..<stampsMax {
            text = withoutLogger(text)
            guard let open = text.suffix(bytesMax).lastIndex(of: 0x5b),
                text[(open + 1)...].allSatisfy({ isOfStamp($0) })
                    || text.last == 0x5d && hasClock(text[(open + 1)...]),
                open == text.startIndex || TextLines.isBlank(text[open - 1]) || text[open - 1] == 0x5d
            else { break }
            text = trimmed(text[..<open])
        }
        return text
    }

    /// Without what loggers write in front of the next message: `Nov 12 03:14:07 host kernel:`,
    /// `kern  :err   :`, `3,1201,70476343,-;`
    private static func withoutLogger(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let words = text.suffix(2 * bytesMax).split(whereSeparator: TextLines.isBlank)
        guard let last = words.last else { return text }
        if last.last == 0x3b, last.count(where: { $0 == 0x2c }) >= 3 {
            return trimmed(text[..<last.startIndex])
        }
        if words.count > 2, last.elementsEqual([0x3a]), words[words.count - 2].first == 0x3a {
            return trimmed(text[..<words[words.count - 3].startIndex])
        }
        guard last.elementsEqual("kernel:".utf8),
            let clock = words.indices.suffix(5).last(where: { hasClock(words[$0]) })
        else { return text }
        return trimmed(text[..<startOfDate(words, clock)])
    }

    /// What stands in front of a clock and its date.
    static func beforeClock(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let words = text.prefix(4 * bytesMax).split(whereSeparator: TextLines.isBlank)
        guard let clock = words.firstIndex(where: { hasClock($0) }) else { return text }
        return removed(behind: text[..<startOfDate(words, clock)])
    }

    /// Where the date of a clock begins.
    private static func startOfDate(_ words: [ArraySlice<UInt8>], _ clock: Int) -> Int {
        var first = clock
        func isBefore(_ isPart: (ArraySlice<UInt8>) -> Bool) -> Bool { first > 0 && isPart(words[first - 1]) }
        // A day of a month, or a whole date; then the month's or the day's name.
        if isBefore({ $0.allSatisfy { isDigit($0) || $0 == 0x2d } }) { first -= 1 }
        if isBefore({ $0.count == 3 && !$0.contains(where: isDigit) }) { first -= 1 }
        return words[first].startIndex
    }

    /// Digits of a time, the T or C of a task or a processor, and the closing bracket.
    private static func isOfStamp(_ byte: UInt8) -> Bool {
        isDigit(byte) || TextLines.isBlank(byte) || [0x2e, 0x5d, 0x54, 0x43].contains(byte)
    }

    /// Without the tabs in front, also as syslog daemons and /dev/kmsg write them.
    static func withoutTabs(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = bytes.drop(while: TextLines.isBlank)
        while let tab = tabs.first(where: { text.starts(with: $0) }) {
            text = text.dropFirst(tab.count).drop(while: TextLines.isBlank)
        }
        return text
    }

    private static let tabs = [Array("#011".utf8), Array("\\x09".utf8)]

    /// Without the escape sequences with which `dmesg --color` paints.
    static func withoutColours(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard bytes.contains(0x1b) else { return bytes }
        var kept: [UInt8] = []
        var isEscape = false
        for byte in bytes {
            if isEscape {
                isEscape = !(0x40...0x7e).contains(byte) || byte == 0x5b
            } else if byte == 0x1b {
                isEscape = true
            } else {
                kept.append(byte)
            }
        }
        return kept[...]
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = bytes.drop(while: TextLines.isBlank)
        while let last = text.last, TextLines.isBlank(last) { text = text.dropLast() }
        return text
    }

    private static func isDigit(_ byte: UInt8) -> Bool { DecimalLiteral.isDigit(byte) }
}
