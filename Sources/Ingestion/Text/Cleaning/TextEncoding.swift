// Bytes to UTF-8 with lines that end in a line feed: UTF-16 of editors and PowerShell, byte order marks,
// carriage returns.

enum TextEncoding {
    static func decoded(_ bytes: [UInt8], _ notes: inout CleaningNotes) -> [UInt8] {
        var text = bytes
        if let order = order(of: bytes) {
            text = utf8(bytes, order)
            notes.note(.utf16, line: 1)
        }
        if text.starts(with: TextLines.byteOrderMark) {
            text.removeFirst(TextLines.byteOrderMark.count)
            notes.note(.byteOrderMark, line: 1)
        }
        return withLineFeeds(text, &notes)
    }

    private enum Order {
        case littleEndian
        case bigEndian
    }

    /// As much as is looked at for a text without a mark.
    private static let sampleBytes = 4_096
    private static let pairsMin = 4

    /// nil for everything but UTF-16: by its mark, or by zeros beside printable bytes in nine pairs of ten.
    private static func order(of bytes: [UInt8]) -> Order? {
        if bytes.starts(with: [0xff, 0xfe]) { return .littleEndian }
        if bytes.starts(with: [0xfe, 0xff]) { return .bigEndian }
        let pairs = min(bytes.count, sampleBytes) / 2
        guard pairs >= pairsMin else { return nil }
        func isText(_ byte: UInt8) -> Bool { (0x20...0x7e).contains(byte) || (0x07...0x0d).contains(byte) }
        var counts = (little: 0, big: 0)
        for at in 0..<pairs {
            let (first, second) = (bytes[2 * at], bytes[2 * at + 1])
            if isText(first), second == 0 { counts.little += 1 }
            if first == 0, isText(second) { counts.big += 1 }
        }
        if counts.little * 10 >= pairs * 9 { return .littleEndian }
        return counts.big * 10 >= pairs * 9 ? .bigEndian : nil
    }

    private static func utf8(_ bytes: [UInt8], _ order: Order) -> [UInt8] {
        // A last byte without its partner was cut off.
        let units = (0..<bytes.count / 2).lazy.map { at in
            let (first, second) = (UInt16(bytes[2 * at]), UInt16(bytes[2 * at + 1]))
            return order == .littleEndian ? second << 8 | first : first << 8 | second
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    /// Without the carriage returns in front of line feeds. Where there is no line feed at all, each carriage
    /// return ends a line; elsewhere one within a line is left: a terminal went back to write over it.
    private static func withLineFeeds(_ text: [UInt8], _ notes: inout CleaningNotes) -> [UInt8] {
        guard text.contains(0x0d) else { return text }
        if !text.contains(0x0a) {
            notes.note(.lineEnds, line: 1, count: text.count { $0 == 0x0d })
            return text.map { $0 == 0x0d ? 0x0a : $0 }
        }
        var kept: [UInt8] = []
        kept.reserveCapacity(text.count)
        for line in TextLines(text) {
            kept += line.bytes
            if line.ending.last == 0x0a {
                kept.append(0x0a)
                if line.ending.count > 1 { notes.note(.lineEnds, line: line.number) }
            } else {
                kept += line.ending
            }
        }
        return kept
    }
}
