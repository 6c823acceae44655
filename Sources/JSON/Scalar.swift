// From a scalar to its meaning: the one reader of numbers, flags and words, for members of a body and for
// texts of a query or a command line alike, and the one table of what can be wrong with them. Nothing here
// knows where the scalar stands; its owner adds the place.

import AddressSpaces

/// A scalar before it is known what is expected of it.
struct Scalar {
    let kind: JSONNode.Kind
    /// The decoded bytes of a string, or the token of a number as it was sent.
    let bytes: ArraySlice<UInt8>

    init(_ kind: JSONNode.Kind, _ bytes: ArraySlice<UInt8>) {
        self.kind = kind
        self.bytes = bytes
    }

    /// A text where a number or a flag is expected: it is what the same letters would be in JSON, and a
    /// string otherwise.
    init(spelling text: String) {
        let bytes = Array(text.utf8)[...]
        switch text {
        case "true": self.init(.bool(true), bytes)
        case "false": self.init(.bool(false), bytes)
        default: self.init(Self.isNumber(bytes) ? .number : .string, bytes)
        }
    }

    /// `-`? digits, a fraction? an exponent?; zeros may lead.
    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        func skipsDigits() -> Bool {
            let count = rest.prefix { DecimalLiteral.isDigit($0) }.count
            rest = rest.dropFirst(count)
            return count > 0
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard skipsDigits() else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard skipsDigits() else { return false }
        }
        if rest.first.map({ $0 | 0x20 }) == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard skipsDigits() else { return false }
        }
        return rest.isEmpty
    }

    /// A 64-bit number: "0x" and at most 16 significant hex digits, or an integer 0 ... 2^53-1.
    func u64() throws(ScalarFault) -> UInt64 {
        switch kind {
        case .string: return try hexNumber()
        case .number: return try integer(hint: "as a hex string like \"0x8000000\"")
        case .null, .bool, .array, .object:
            throw .wrongType(expected: "a hex string like \"0x8000000\"", found: kind)
        }
    }

    /// Bytes: the same, or a text as people write sizes, which `MemorySize` knows.
    func size() throws(ScalarFault) -> UInt64 {
        guard kind == .string, !Self.isHex(bytes) else { return try u64() }
        do {
            return try MemorySize.parse(bytes)
        } catch {
            throw .notASize(String(decoding: bytes, as: UTF8.self), error)
        }
    }

    private static func isHex(_ text: ArraySlice<UInt8>) -> Bool {
        text.count > 1 && text[text.startIndex] == 0x30 && text[text.startIndex + 1] | 0x20 == 0x78
    }

    /// An integer in `bounds`. It may end in `.0`: for JSON Schema and writers of floats that is the same.
    func int(in bounds: ClosedRange<Int>) throws(ScalarFault) -> Int {
        guard kind == .number else { throw .wrongType(expected: "an integer", found: kind) }
        let hint = "within \(bounds.lowerBound) to \(bounds.upperBound)"
        let value = try Scalar(.number, withoutZeroFraction).integer(hint: hint)
        guard let exact = Int(exactly: value), bounds.contains(exact) else {
            throw .outOfRange(value, bounds)
        }
        return exact
    }

    func bool() throws(ScalarFault) -> Bool {
        guard case .bool(let flag) = kind else { throw .wrongType(expected: "true or false", found: kind) }
        return flag
    }

    /// A string of at most `bytesMax` bytes in UTF-8.
    func string(bytesMax: Int) throws(ScalarFault) -> String {
        guard kind == .string else { throw .wrongType(expected: "a string", found: kind) }
        guard bytes.count <= bytesMax else { throw .tooLong(bytes: bytes.count, most: bytesMax) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same, without control characters: what stands in a sentence, a path or a line of a log.
    func line(bytesMax: Int) throws(ScalarFault) -> String {
        let text = try string(bytesMax: bytesMax)
        // Of U+0080...U+009F the first byte is 0xc2. Most texts have none of these bytes.
        guard bytes.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == 0xc2 }) else { return text }
        for (place, character) in text.unicodeScalars.enumerated()
        where character.properties.generalCategory == .control {
            throw .controlCharacter(character.value, place: place + 1)
        }
        return text
    }

    /// What is wrong with it where one of a few words is expected, and it is none of them.
    func notOne(of words: [String]) -> ScalarFault {
        guard kind == .string else {
            return .wrongType(expected: "one of \(ScalarFault.list(words))", found: kind)
        }
        return .unknownWord(String(decoding: bytes, as: UTF8.self), known: words)
    }

    private func hexNumber() throws(ScalarFault) -> UInt64 {
        do {
            return try HexLiteral.parse(bytes)
        } catch {
            switch error {
            case .missingPrefix, .noDigits:
                let isDecimal = !bytes.isEmpty && bytes.allSatisfy { DecimalLiteral.isDigit($0) }
                throw .notHex(isDecimal: isDecimal)
            case .notADigit(let offset): throw .notAHexDigit(place: offset + 1)
            case .tooManyDigits(let significant): throw .tooManyDigits(significant)
            }
        }
    }

    /// The token up to a point that only zeros follow.
    private var withoutZeroFraction: ArraySlice<UInt8> {
        guard let point = bytes.firstIndex(of: UInt8(ascii: ".")) else { return bytes }
        return bytes[(point + 1)...].allSatisfy { $0 == UInt8(ascii: "0") } ? bytes[..<point] : bytes
    }

    /// An integer 0 ... 2^53-1 from the token as it was sent, so that nothing is rounded.
    private func integer(hint: @autoclosure () -> String) throws(ScalarFault) -> UInt64 {
        if bytes.first == UInt8(ascii: "-") { throw .negative }
        guard bytes.allSatisfy({ DecimalLiteral.isDigit($0) }) else {
            throw .notAnInteger(isExponent: bytes.contains { $0 | 0x20 == UInt8(ascii: "e") })
        }
        guard let value = DecimalLiteral.parse(bytes), value <= JSONNode.exactIntegerMax else {
            throw .inexact(hint: hint())
        }
        return value
    }
}

/// Why a scalar is not what was expected.
enum ScalarFault: Error {
    case wrongType(expected: String, found: JSONNode.Kind)
    case notHex(isDecimal: Bool)
    /// Counted from 1.
    case notAHexDigit(place: Int)
    case tooManyDigits(Int)
    case negative
    case notAnInteger(isExponent: Bool)
    case inexact(hint: String)
    case outOfRange(UInt64, ClosedRange<Int>)
    case tooLong(bytes: Int, most: Int)
    /// Counted from 1.
    case controlCharacter(UInt32, place: Int)
    case unknownWord(String, known: [String])
    case notASize(String, MemorySize.Problem)

    /// Stable, lower-case kebab.
    var code: String {
        switch self {
        case .wrongType: "wrong-type"
        case .notHex, .notAHexDigit: "not-hex"
        case .tooManyDigits, .inexact: "too-large"
        case .negative: "negative"
        case .notAnInteger: "not-an-integer"
        case .outOfRange: "out-of-range"
        case .tooLong: "too-long"
        case .controlCharacter: "control-character"
        case .unknownWord: "unknown-value"
        case .notASize: "not-a-size"
        }
    }

    /// One sentence.
    var detail: String {
        switch self {
        case .wrongType(let expected, let found): "Expected \(expected), found \(found.described)."
        case .notHex(let isDecimal):
            "\(isDecimal ? "A decimal string" : "Not a number"); send a hex string that starts with \"0x\"."
        case .notAHexDigit(let place): "Character \(place) of the string is not a hex digit."
        case .tooManyDigits(let count): "\(count) significant hex digits; 64 bits have at most 16."
        case .negative: "A negative number; send 0 or more."
        case .notAnInteger(let isExponent):
            "A number with \(isExponent ? "an exponent" : "a fraction"); send an integer."
        case .inexact(let hint): "An integer above 2^53-1 is not exact in JSON; send it \(hint)."
        case .outOfRange(let value, let bounds):
            "\(value) is not in \(bounds.lowerBound) to \(bounds.upperBound)."
        case .tooLong(let bytes, let most): "\(bytes) bytes; at most \(most) are read."
        case .controlCharacter(let code, let place):
            "Character \(place) of the string is the control character U+\(HexLiteral.digits(code, atLeast: 4).uppercased()); leave it out."
        case .unknownWord(let word, let known): "\"\(Excerpt.of(word))\" is not one of \(Self.list(known))."
        case .notASize(let text, let problem): "\"\(Excerpt.of(text))\" \(Self.reason(problem))"
        }
    }

    private static func reason(_ problem: MemorySize.Problem) -> String {
        switch problem {
        case .notASize: "is not a size; send bytes like 0x40000000 or a size like 64G."
        case .notWholeBytes: "is no whole number of bytes; send a size like 1536M or 1.5G."
        case .tooLarge: "is 2^64 bytes or more; send a smaller size."
        }
    }

    static func list(_ words: [String]) -> String { words.map { "\"\($0)\"" }.joined(separator: ", ") }
}

/// A caller's text, cut for a message.
public enum Excerpt {
    private static let bytesMax = 64

    public static func of(_ text: String) -> String {
        let excerpt = text.utf8.count <= bytesMax ? text : String(text.prefix(bytesMax)) + "..."
        let isPlain = excerpt.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f && $0 != 0xc2 }
        return isPlain ? excerpt : excerpt.unicodeScalars.map(shown).joined()
    }

    /// A control character as JSON escapes it.
    private static func shown(_ character: Unicode.Scalar) -> String {
        guard character.properties.generalCategory == .control else { return String(character) }
        return "\\u" + HexLiteral.digits(character.value, atLeast: 4)
    }
}
