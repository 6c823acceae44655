// Canonical JSON: no blanks, members in the order in which they are written, one spelling for every
// value; so the same answer is the same bytes.

public import AddressSpaces

/// Writes one JSON document.
///
/// Names are literals of ours, so that nothing in them has to be looked for or counted; a name that is data
/// goes to `key(text:)`.
public struct JSONWriter {
    /// What is written, and room after it: an array that grows with each piece checks for each whether it is
    /// shared and large enough, three times as much work as the copying.
    private var storage: [UInt8]
    private var count = 0
    /// Whether the next value in the current container needs a comma before it.
    private var needsComma = false

    public init(reservingBytes capacity: Int = 1_024) {
        storage = [UInt8](repeating: 0, count: max(capacity, 1))
    }

    /// How many bytes are written so far.
    public var byteCount: Int { count }

    /// What is written so far; a copy.
    public var bytes: [UInt8] { Array(storage[..<count]) }

    /// Has `body` write at most `most` bytes, and takes how many it wrote.
    @inline(__always)
    private mutating func write(_ most: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        if storage.count - count < most { grow(most) }
        count += storage.withUnsafeMutableBufferPointer { body($0.baseAddress! + count) }
    }

    @inline(never)
    private mutating func grow(_ most: Int) {
        storage += repeatElement(0, count: max(storage.count, most))
    }

    private mutating func separate() {
        if needsComma { byte(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func byte(_ byte: UInt8) {
        write(1) { at in
            at[0] = byte
            return 1
        }
    }

    // Inlined, so that the closure becomes a part of its caller: half of an answer's values are containers.
    @inline(__always)
    private mutating func container(
        _ opening: UInt8, _ closing: UInt8, _ body: (inout JSONWriter) -> Void
    ) {
        separate()
        byte(opening)
        needsComma = false
        body(&self)
        byte(closing)
        needsComma = true
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        container(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        container(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    /// The key of the next value: plain ASCII.
    public mutating func key(_ name: StaticString) {
        let (length, hasComma) = (name.utf8CodeUnitCount, needsComma)
        write(length + 4) { start in
            var at = start
            if hasComma { at = Self.put(UInt8(ascii: ","), at) }
            at = Self.put(UInt8(ascii: "\""), at)
            at.update(from: name.utf8Start, count: length)
            at = Self.put(UInt8(ascii: "\""), at + length)
            return Self.put(UInt8(ascii: ":"), at) - start
        }
        needsComma = false
    }

    /// The key of the next value, which is data.
    public mutating func key(text: String) {
        string(text)
        byte(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func string(_ text: String) {
        separate()
        // Of nearly all strings in place: to ask for the bytes of one that may change counts two references.
        if text.utf8.withContiguousStorageIfAvailable({ quote($0) }) == nil {
            Array(text.utf8).withUnsafeBufferPointer { quote($0) }
        }
    }

    public mutating func string(_ phrase: Phrase) {
        separate()
        phrase.bytes.withUnsafeBufferPointer { quote($0) }
    }

    /// `"0x8000000"`
    public mutating func hex(_ value: UInt64) {
        separate()
        let room = HexLiteral.textBytesMax
        write(room + 2) { start in
            let at = Self.put(UInt8(ascii: "\""), start)
            let length = HexLiteral.spell(value, into: UnsafeMutableBufferPointer(start: at, count: room))
            return Self.put(UInt8(ascii: "\""), at + length) - start
        }
    }

    public mutating func int(_ value: Int) {
        separate()
        append(String(value))
    }

    public mutating func bool(_ flag: Bool) {
        separate()
        append(flag ? "true" : "false")
    }

    public mutating func null() {
        separate()
        append("null")
    }

    /// Members of an earlier object once more: what was written from one `byteCount` to another, and follows
    /// other members here as it did there.
    public mutating func again(_ members: Range<Int>) {
        precondition(needsComma && members.upperBound <= count, "no members at \(members) of \(count) bytes")
        let back = count - members.lowerBound
        write(members.count) { at in
            at.update(from: at - back, count: members.count)
            return members.count
        }
    }

    /// A value that is spelled already.
    mutating func raw(_ token: String) {
        separate()
        append(token)
    }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            write(utf8.count) { at in
                Self.put(utf8, at) - at
            }
        }
    }

    private static func put(
        _ byte: UInt8, _ at: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        at[0] = byte
        return at + 1
    }

    private static func put(
        _ bytes: UnsafeBufferPointer<UInt8>, _ at: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        if let start = bytes.baseAddress { at.update(from: start, count: bytes.count) }
        return at + bytes.count
    }

    /// In quotes. Only what RFC 8259 demands is escaped; the runs between are copied whole.
    private mutating func quote(_ utf8: UnsafeBufferPointer<UInt8>) {
        guard Self.mayNeedEscape(utf8) else {
            return write(utf8.count + 2) { start in
                let at = Self.put(utf8, Self.put(UInt8(ascii: "\""), start))
                return Self.put(UInt8(ascii: "\""), at) - start
            }
        }
        write(utf8.count * Self.escapeBytesMax + 2) { start in
            var at = Self.put(UInt8(ascii: "\""), start)
            var run = 0
            for index in utf8.indices where Self.isEscaped(utf8[index]) {
                at = Self.put(UnsafeBufferPointer(rebasing: utf8[run..<index]), at)
                at = Self.put(escaped: utf8[index], at)
                run = index + 1
            }
            at = Self.put(UnsafeBufferPointer(rebasing: utf8[run...]), at)
            return Self.put(UInt8(ascii: "\""), at) - start
        }
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// Whether any byte may have to be escaped, eight bytes at a time: nearly no text has one.
    private static func mayNeedEscape(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(utf8)
        guard raw.count >= 8 else { return utf8.contains(where: isEscaped) }
        var found: UInt64 = 0
        var at = 0
        let last = raw.count &- 8
        while at <= last {
            found |= escapes(in: raw, at)
            at = at &+ 8
        }
        // The last word once more, as far as it reaches into the one before.
        return (found | escapes(in: raw, last)) & 0x8080_8080_8080_8080 != 0
    }

    /// Of each of eight bytes the high bit is set where it is below 0x20, a quote or a backslash. It may be
    /// set beside such a byte and where a byte is no ASCII, too, for half of the instructions: the text is
    /// looked at byte by byte then.
    @inline(__always)
    private static func escapes(in raw: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
        let word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        let ones: UInt64 = 0x0101_0101_0101_0101
        return (word &- ones &* 0x20) | ((word ^ ones &* 0x22) &- ones) | ((word ^ ones &* 0x5c) &- ones)
    }

    /// Bytes of `\u001f`.
    private static let escapeBytesMax = 6

    private static func put(
        escaped byte: UInt8, _ at: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let rest = put(UInt8(ascii: "\\"), at)
        switch byte {
        case 0x0a: return put(UInt8(ascii: "n"), rest)
        case 0x0d: return put(UInt8(ascii: "r"), rest)
        case 0x09: return put(UInt8(ascii: "t"), rest)
        case 0..<0x20:
            var digits = "u" + HexLiteral.digits(byte, atLeast: 4)
            return digits.withUTF8 { put($0, rest) }
        default: return put(byte, rest)
        }
    }
}

// Members in one call, which is how nearly all are written.

extension JSONWriter {
    public mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    /// Under a name that is data.
    public mutating func member(text name: String, _ text: String) {
        key(text: name)
        string(text)
    }

    public mutating func member(_ name: StaticString, _ phrase: Phrase) {
        key(name)
        string(phrase)
    }

    public mutating func member(_ name: StaticString, hex value: UInt64) {
        key(name)
        hex(value)
    }

    public mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        int(value)
    }

    public mutating func member(_ name: StaticString, _ flag: Bool) {
        key(name)
        bool(flag)
    }

    public mutating func member(_ name: StaticString, orNull text: String?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    public mutating func member(_ name: StaticString, strings: [String]) {
        array(name) { writer in strings.forEach { writer.string($0) } }
    }

    public mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        key(name)
        object(body)
    }

    public mutating func array(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
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
