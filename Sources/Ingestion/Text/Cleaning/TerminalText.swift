// What a terminal makes of the bytes that are no text: colours, titles, steps back. Also as `cat -v` ("^[")
// and syslog ("#033") write the escape character.

enum TerminalText {
    private static let escape: UInt8 = 0x1b
    private static let backspace: UInt8 = 0x08
    private static let spellings = ["^[[", "#033["].map { Array($0.utf8) }

    /// Whether a text has a byte that begins what a terminal interprets; its line ends do not count.
    static func mayChange(_ text: [UInt8]) -> Bool {
        text.contains { isCandidate($0) && $0 != 0x0a && $0 != 0x0d }
    }

    private static func isCandidate(_ byte: UInt8) -> Bool {
        byte < 0x20 && byte != 0x09 || byte == 0x5e || byte == 0x23
    }

    /// The line as a terminal shows it; nil when it is that already.
    static func plain(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        guard line.contains(where: isCandidate) else { return nil }
        var out: [UInt8] = []
        var hasChanged = false
        var rest = line
        while let byte = rest.first {
            if byte == 0x5e || byte == 0x23, let spelling = spellings.first(where: { rest.starts(with: $0) }),
                let end = sequenceEnd(rest.dropFirst(spelling.count))
            {
                rest = rest[end...]
            } else if byte == escape {
                rest = afterEscape(rest.dropFirst())
            } else if byte == backspace {
                rest = rest.dropFirst()
                _ = out.popLast()
            } else if byte < 0x20, byte != 0x09 {
                rest = rest.dropFirst()
            } else {
                out.append(byte)
                rest = rest.dropFirst()
                continue
            }
            hasChanged = true
        }
        return hasChanged ? out : nil
    }

    /// Parameters of a sequence that others spell out: no more than real ones have.
    private static let parametersMax = 32

    /// After the letter that ends `[0;31m`.
    private static func sequenceEnd(_ rest: ArraySlice<UInt8>) -> Int? {
        let parameters = rest.prefix(parametersMax).prefix { (0x30...0x3f).contains($0) }
        guard parameters.endIndex < rest.endIndex, (0x40...0x7e).contains(rest[parameters.endIndex]) else {
            return nil
        }
        return parameters.endIndex + 1
    }

    private static func afterEscape(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        switch rest.first {
        // A sequence ends with its letter, whatever stands before it.
        case UInt8(ascii: "["): return rest.dropFirst().drop { !(0x40...0x7e).contains($0) }.dropFirst()
        // A title ends with a bell, or with ESC and a backslash, which the next step takes.
        case UInt8(ascii: "]"): return rest.drop { $0 != 0x07 && $0 != escape }
        case UInt8(ascii: "("), UInt8(ascii: ")"): return rest.dropFirst(2)
        default: return rest.dropFirst()
        }
    }
}
