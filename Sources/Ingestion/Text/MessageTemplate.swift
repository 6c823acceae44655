// A message of a program as a template: words that stand in it, and fields between them. A template finds
// its place anywhere in a line, so that stamps and prefixes do not matter, and says when a line ends inside
// the message. It knows nothing about what messages mean.

import AddressSpaces

/// `"vfio_dma_map({}, {iova}, {size}, {user})"`: `{}` is anything, the others are numbers or text by name.
struct MessageTemplate: Sendable {
    enum Field: String, Sendable {
        case anything = ""
        case iova, last, size, user, limit
        /// Hex digits, mostly without a prefix.
        case hexIOVA, hexLast, hexReserved, hexReservedLast
        /// Text, not a number.
        case group, region

        var isNumber: Bool {
            switch self {
            case .iova, .last, .size, .user, .limit, .hexIOVA, .hexLast, .hexReserved, .hexReservedLast: true
            case .anything, .group, .region: false
            }
        }
    }

    private enum Piece: Sendable {
        /// In lower case; a blank stands for one or more.
        case words([UInt8])
        case field(Field)
    }

    /// Where a line agrees with a template, and what it says there.
    struct Match {
        var numbers: [Field: UInt64] = [:]
        var texts: [Field: String] = [:]
        /// Where the message begins.
        let start: Int
        /// What comes after the message; empty where the line ends inside it.
        var tail: ArraySlice<UInt8>
        /// The line ends inside the message.
        var isCut: Bool

        /// Whether the other is only the end of this message, taken for the beginning of its own.
        func covers(_ other: Match) -> Bool {
            !isCut && other.isCut && start < other.start && other.start < tail.startIndex
        }
    }

    private let first: [UInt8]
    private let rest: [Piece]

    /// Most bytes of one field; places to try would make long lines quadratic otherwise.
    private static let fieldBytesMax = 96

    init(_ text: String) {
        var pieces: [Piece] = []
        for (index, part) in text.utf8.split(separator: UInt8(ascii: "{"), omittingEmptySubsequences: false)
            .enumerated()
        {
            var words = part
            if index > 0, let end = part.firstIndex(of: UInt8(ascii: "}")) {
                let name = TextLines.string(part[..<end])
                guard let field = Field(rawValue: name) else {
                    preconditionFailure("no field {\(name)} in \(text)")
                }
                pieces.append(.field(field))
                words = part[part.index(after: end)...]
            }
            if !words.isEmpty { pieces.append(.words(words.map(Self.lowered))) }
        }
        guard case .words(let first) = pieces.first else {
            preconditionFailure("\(text) does not start with words")
        }
        self.first = first
        rest = Array(pieces.dropFirst())
    }

    var firstByte: UInt8 { first[0] }

    /// Whether `text` starts as messages of this form do.
    func begins(_ text: ArraySlice<UInt8>) -> Bool { Self.skip(first, in: text) != nil }

    /// The first place in `line` that the template fits, whole or cut off at the line's end.
    ///
    /// - Parameter isUnended: no newline follows, so that a number at the end may have lost digits.
    ///
    /// Complexity: O(n).
    func match(_ line: ArraySlice<UInt8>, isUnended: Bool) -> Match? {
        guard let byte = first.first else { return nil }
        for at in line.indices where Self.lowered(line[at]) == byte {
            guard let end = Self.skip(first, in: line[at...]) else { continue }
            var match = Match(start: at, tail: line[line.endIndex...], isCut: false)
            if fill(&match, line[end...], isUnended) { return match }
        }
        return nil
    }

    /// Reads the pieces behind the first words; false where the line says something else.
    private func fill(_ match: inout Match, _ text: ArraySlice<UInt8>, _ isUnended: Bool) -> Bool {
        var text = text
        for (index, piece) in rest.enumerated() {
            let next: [UInt8]? =
                if index + 1 < rest.count, case .words(let w) = rest[index + 1] { w } else { nil }
            switch piece {
            case .words(let words):
                guard let end = Self.skip(words, in: text) else {
                    guard Self.isStart(text, of: words) else { return false }
                    match.isCut = true
                    return true
                }
                text = text[end...]
            case .field(let field):
                let value = Self.value(of: field, in: text, before: next)
                // Nothing ends the field: its digits may go on in the next line.
                guard value.endIndex < text.endIndex || (next == nil && !isUnended && !value.isEmpty) else {
                    match.isCut = value.count <= Self.fieldBytesMax
                    return match.isCut
                }
                if field.isNumber {
                    guard let (name, number) = Self.number(value, of: field) else { return false }
                    match.numbers[name] = number
                } else if field != .anything {
                    match.texts[field] = TextLines.string(value)
                }
                text = text[value.endIndex...]
            }
        }
        match.tail = text
        return true
    }

    /// What stands before the next words; for numbers, their digits.
    private static func value(
        of field: Field, in text: ArraySlice<UInt8>, before next: [UInt8]?
    ) -> ArraySlice<UInt8> {
        if field.isNumber { return text.prefix { isOfNumber($0) } }
        let bounded = text.prefix(fieldBytesMax + 1)
        guard let next, let end = bounded.indices.first(where: { skip(next, in: text[$0...]) != nil }) else {
            return next == nil ? text.prefix { !TextLines.isBlank($0) }.prefix(fieldBytesMax) : bounded
        }
        return text[..<end]
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        HexLiteral.digit(byte) != nil || byte | 0x20 == 0x78
    }

    /// The number of a field, under the name that it has in every form.
    private static func number(
        _ bytes: ArraySlice<UInt8>, of field: Field
    ) -> (name: Field, number: UInt64)? {
        switch field {
        case .hexIOVA: hex(bytes).map { (.iova, $0) }
        case .hexLast: hex(bytes).map { (.last, $0) }
        case .hexReserved, .hexReservedLast: hex(bytes).map { (field, $0) }
        case .anything, .iova, .last, .size, .user, .limit, .group, .region: number(bytes).map { (field, $0) }
        }
    }

    /// Hex digits, with a prefix or without.
    private static func hex(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        TextLines.bareHex(bytes) ?? TextLines.prefixedHex(bytes)
    }

    /// `0x40000000`, or decimal digits.
    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        TextLines.prefixedHex(bytes) ?? DecimalLiteral.parse(bytes)
    }

    /// Where `text` goes on after `words`; nil where it starts otherwise.
    private static func skip(_ words: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        var at = text.startIndex
        for byte in words {
            guard at < text.endIndex else { return nil }
            if byte == 0x20 {
                guard TextLines.isBlank(text[at]) else { return nil }
                while at < text.endIndex, TextLines.isBlank(text[at]) { at += 1 }
            } else {
                guard lowered(text[at]) == byte else { return nil }
                at += 1
            }
        }
        return at
    }

    /// Whether all of `text` is the start of `words`.
    private static func isStart(_ text: ArraySlice<UInt8>, of words: [UInt8]) -> Bool {
        let whole = text.reversed().drop(while: TextLines.isBlank).reversed()
        return whole.count < words.count && zip(whole, words).allSatisfy { lowered($0) == $1 }
    }

    static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
