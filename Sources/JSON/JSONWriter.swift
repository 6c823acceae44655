// Canonical JSON: no blanks, members in the order in which they are written, one spelling for every
// value; so the same answer is the same bytes.

import AddressSpaces

/// Appends one JSON document to a byte array.
public struct JSONWriter {
    public private(set) var bytes: [UInt8]
    /// Whether the next value in the current container needs a comma before it.
    private var needsComma = false

    public init(reservingBytes capacity: Int = 1_024) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // Inlined, so that the closure becomes a part of its caller: half of an answer's values are containers.
    @inline(__always)
    private mutating func container(
        _ opening: UInt8, _ closing: UInt8, _ body: (inout JSONWriter) -> Void
    ) {
        separate()
        bytes.append(opening)
        needsComma = false
        body(&self)
        bytes.append(closing)
        needsComma = true
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        container(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        container(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    /// The key of the next value.
    public mutating func key(_ name: String) {
        quote(name, after: needsComma ? ",\"" : "\"", before: "\":")
        needsComma = false
    }

    public mutating func string(_ text: String) {
        quote(text, after: needsComma ? ",\"" : "\"", before: "\"")
        needsComma = true
    }

    /// `"0x8000000"`
    public mutating func hex(_ value: UInt64) {
        separate()
        let digits = max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 3) / 4)
        // All digits at once in two vectors; a byte at a time costs a check of the array for each.
        withUnsafeBytes(of: Self.literal(value)) { literal in
            let start = literal.count - 1 - digits
            bytes.append(contentsOf: "\"0x".utf8)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: literal[start...]))
        }
    }

    /// Sixteen digits of the number and a closing quote.
    private static func literal(_ value: UInt64) -> (UInt64, UInt64, UInt8) {
        (hexDigits(UInt32(value >> 32)), hexDigits(UInt32(truncatingIfNeeded: value)), UInt8(ascii: "\""))
    }

    /// Eight digits in ASCII, the first in the lowest byte. Each nibble gets a byte of its own, then all
    /// bytes become characters at once: 0x30 is added to each, and 0x27 more where the nibble is above 9.
    private static func hexDigits(_ value: UInt32) -> UInt64 {
        var nibbles = UInt64(value)
        nibbles = (nibbles & 0xffff_0000) << 16 | nibbles & 0xffff
        nibbles = (nibbles & 0x0000_ff00_0000_ff00) << 8 | nibbles & 0x0000_00ff_0000_00ff
        nibbles = (nibbles & 0x00f0_00f0_00f0_00f0) << 4 | nibbles & 0x000f_000f_000f_000f
        let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (nibbles + 0x3030_3030_3030_3030 + letters * 0x27).byteSwapped
    }

    public mutating func int(_ value: Int) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    public mutating func bool(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// A value that is spelled already.
    mutating func raw(_ token: String) {
        separate()
        bytes.append(contentsOf: token.utf8)
    }

    /// Only what RFC 8259 demands is escaped; the runs between are copied whole.
    private mutating func quote(_ text: String, after opening: StaticString, before closing: StaticString) {
        append(opening)
        var text = text
        text.withUTF8 { utf8 in
            guard Self.needsEscape(utf8) else { return bytes.append(contentsOf: utf8) }
            var start = 0
            for index in utf8.indices where Self.isEscaped(utf8[index]) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
                escape(utf8[index])
                start = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
        append(closing)
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// Whether any byte must be escaped, eight bytes at a time: nearly no text has one.
    private static func needsEscape(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(utf8)
        var at = 0
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        while at + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // Of each byte the high bit is set where it is below 0x20, a quote or a backslash. What a borrow
            // sets beside such a byte changes nothing: the text is looked at byte by byte then.
            let quotes = word ^ ones &* 0x22
            let slashes = word ^ ones &* 0x5c
            let found =
                (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
            if found & highs != 0 { return true }
            at += 8
        }
        while at < raw.count {
            if isEscaped(raw[at]) { return true }
            at += 1
        }
        return false
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x0a: bytes.append(contentsOf: "\\n".utf8)
        case 0x0d: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            bytes.append(contentsOf: ("\\u" + HexLiteral.digits(byte, atLeast: 4)).utf8)
        default:
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        }
    }
}

// Members in one call, which is how nearly all are written.

extension JSONWriter {
    public mutating func member(_ name: String, _ text: String) {
        key(name)
        string(text)
    }

    public mutating func member(_ name: String, hex value: UInt64) {
        key(name)
        hex(value)
    }

    public mutating func member(_ name: String, _ value: Int) {
        key(name)
        int(value)
    }

    public mutating func member(_ name: String, _ flag: Bool) {
        key(name)
        bool(flag)
    }

    public mutating func member(_ name: String, orNull text: String?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    public mutating func member(_ name: String, strings: [String]) {
        array(name) { writer in strings.forEach { writer.string($0) } }
    }

    public mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        object(body)
    }

    public mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        array(body)
    }

    /// `"start"`, `"last"` and, unless it is 2^64, `"size"`.
    public mutating func rangeMembers(start: UInt64, last: UInt64) {
        member("start", hex: start)
        member("last", hex: last)
        let (size, isFull) = (last - start).addingReportingOverflow(1)
        if !isFull { member("size", hex: size) }
    }
}
