// Numbers in front of every line, as forums, `cat -n` and `grep -n .` write them. Only numbers that count up
// by one through the text are taken for such: hex dumps, addresses and PCI functions do not.

import AddressSpaces
import Machines

enum LineNumbers {
    private static let digitsMax = 6
    private static let functionBytesMax = 7

    /// The text without its numbers; nil when its lines have none.
    static func removed(from text: [UInt8], _ notes: inout CleaningNotes) -> [UInt8]? {
        guard isNumbered(text) else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var count = 0
        var first: Int?
        for line in TextLines(text) {
            let rest = numbered(line.bytes)?.rest
            if rest != nil {
                count += 1
                first = first ?? line.number
            }
            out += rest ?? line.bytes
            out += line.ending
        }
        notes.note(.lineNumbers, line: first ?? 1, count: count)
        return out
    }

    /// Half of the lines at least count up by one; others may be parts of lines that were broken.
    private static func isNumbered(_ text: [UInt8]) -> Bool {
        var lines = 0
        // Numbers on lines of their own are the text's, such as those of groups.
        var alone = 0
        var count = 0
        var last: Int?
        for line in TextLines(text) where !line.isBlank {
            lines += 1
            // Lines are counted from 1, groups from 0.
            if count == 0, isZero(line.bytes) { return false }
            guard let (number, rest) = numbered(line.bytes) else {
                // Most texts begin without a number, and are done with here.
                if count == 0, lines > 2 { return false }
                continue
            }
            if let last, number != last + 1 { return false }
            last = number
            count += 1
            if rest.allSatisfy(TextLines.isBlank) { alone += 1 }
        }
        return count >= 2 && count * 2 >= lines && alone * 2 <= count
    }

    /// `0: text`
    private static func isZero(_ line: ArraySlice<UInt8>) -> Bool {
        let bare = line.drop(while: TextLines.isBlank)
        return bare.first == 0x30
            && bare.dropFirst().first.map { $0 == 0x3a || TextLines.isBlank($0) } ?? true
    }

    /// `12: text`, `12. text`, `12) text`, `12| text`, `  12<tab>text`, `12 text`
    private static func numbered(_ line: ArraySlice<UInt8>) -> (number: Int, rest: ArraySlice<UInt8>)? {
        let bare = line.drop(while: TextLines.isBlank)
        let digits = bare.prefix(digitsMax + 1).prefix { DecimalLiteral.isDigit($0) }
        guard digits.count <= digitsMax, digits.first != 0x30, let value = DecimalLiteral.parse(digits) else {
            return nil
        }
        let rest = bare[digits.endIndex...]
        guard let separator = rest.first else { return (Int(value), rest) }
        switch separator {
        case 0x09: return (Int(value), rest.dropFirst())
        case UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: ")"), UInt8(ascii: "|"), 0x20:
            // "10:00.0" is a PCI function.
            let word = TextLines.string(bare.prefix(functionBytesMax))
            guard Platform.requester("0000:" + word) == nil else { return nil }
            let text = rest.dropFirst()
            return (Int(value), separator != 0x20 && text.first == 0x20 ? text.dropFirst() : text)
        default: return nil
        }
    }
}
