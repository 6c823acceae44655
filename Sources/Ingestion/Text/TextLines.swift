// Lines of a text that a caller sent, with their numbers, and numbers in them; how much text is read, and
// why a text is refused. Nothing here traps, whatever the text is.

import AddressSpaces
import Machines

/// A text as lines.
struct TextLines: Sequence {
    /// One line without its end.
    struct Line {
        /// From 1.
        let number: Int
        let bytes: ArraySlice<UInt8>
        /// What ends it: a line feed, perhaps after carriage returns; these alone within a line that a
        /// terminal wrote over; nothing at the end of the text.
        let ending: ArraySlice<UInt8>
        /// The last line, without a newline after it.
        let isUnended: Bool

        init(number: Int, bytes: ArraySlice<UInt8>, ending: ArraySlice<UInt8> = [], isUnended: Bool) {
            self.number = number
            self.bytes = bytes
            self.ending = ending
            self.isUnended = isUnended
        }

        /// Blanks and tabs at the start, in columns.
        var indentation: Int { bytes.count - bytes.drop(while: TextLines.isBlank).count }
        var isBlank: Bool { bytes.allSatisfy(TextLines.isBlank) }
        /// What stands between blanks.
        var words: [ArraySlice<UInt8>] { bytes.split(whereSeparator: TextLines.isBlank) }
        /// The line as text, cut for a message.
        var shown: String {
            let printable = bytes.prefix(60).map { (0x20...0x7e).contains($0) ? $0 : 0x3f }
            return String(decoding: printable, as: UTF8.self) + (bytes.count > 60 ? "..." : "")
        }
    }

    private let text: [UInt8]

    init(_ text: [UInt8]) { self.text = text }

    func makeIterator() -> Iterator { Iterator(text: text) }

    struct Iterator: IteratorProtocol {
        fileprivate let text: [UInt8]
        private var at = 0
        private var number = 1

        fileprivate init(text: [UInt8]) {
            self.text = text
            // Editors of other systems put a byte order mark in front of UTF-8.
            if text.starts(with: TextLines.byteOrderMark) { at = TextLines.byteOrderMark.count }
        }

        mutating func next() -> Line? {
            guard at < text.count else { return nil }
            var end = at
            while end < text.count, text[end] != 0x0a, text[end] != 0x0d { end += 1 }
            var next = end
            while next < text.count, text[next] == 0x0d { next += 1 }
            let isUnended = next == text.count
            let isEnded = !isUnended && text[next] == 0x0a
            if isEnded { next += 1 }
            defer {
                at = next
                // What a terminal wrote over belongs to the same line.
                if isEnded { number += 1 }
            }
            return Line(
                number: number, bytes: text[at..<end], ending: text[end..<next], isUnended: isUnended)
        }
    }

    /// U+FEFF in UTF-8.
    static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func string(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// A number of hex digits without a prefix; nil for none, for other bytes, or for more than 64 bits.
    static func bareHex(_ bytes: some Collection<UInt8>) -> UInt64? { try? HexLiteral.parseDigits(bytes) }

    /// `0x` and hex digits.
    static func prefixedHex(_ bytes: ArraySlice<UInt8>) -> UInt64? { try? HexLiteral.parse(bytes) }
}

/// A text that is refused.
public struct TextError: Error, Hashable, Sendable {
    /// From 1; nil when it is about the whole.
    public var line: Int?
    /// What is wrong, as a clause.
    public var what: String

    init(_ line: Int?, _ what: String) {
        self.line = line
        self.what = what
    }

    /// A text of more lines than its reader takes.
    static func tooManyLines(_ line: Int?, _ limit: Int = TextLimits.linesMax) -> TextError {
        TextError(line, "more than \(limit) lines")
    }

    static func tooManyWindows(_ line: Int?) -> TextError {
        TextError(line, "more than \(TextLimits.windowsMax) PCI windows")
    }

    static func tooManyMemoryRanges(_ line: Int?) -> TextError {
        TextError(line, "more than \(TextLimits.memoryRangesMax) memory ranges")
    }

    /// One sentence that names place and cause.
    public var reason: String { line.map { "line \($0): \(what)" } ?? what }
}

/// Bounds of the text readers; the service lists them under its own limits.
public enum TextLimits {
    public static let linesMax = 200_000
    /// Bytes after which a kernel with small pages cuts off a sysfs file.
    public static let sysfsPageBytes = GroupRegionList.smallestPageBytes
    public static let groupsMax = 4_096
    /// Regions of all groups together.
    public static let regionsMax = 65_536
    /// Regions of one group: the kernel's file ends after about 97, and the merge is quadratic.
    public static let regionsPerGroupMax = 4_096
    public static let windowsMax = 4_096
    public static let memoryRangesMax = 65_536
    /// ITSs, and as many frames of GICv2m, that a boot log names; others are ignored.
    public static let msiFramesMax = 256
}
