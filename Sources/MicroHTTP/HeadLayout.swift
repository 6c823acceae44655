// Whether the head that libmicrohttpd understood is the head that was sent. It parses in place: line ends and
// colons become NULs, so that names and values follow each other at distances that their lengths tell. A
// folded value is stored elsewhere, a NUL or a bare LF moves what comes next, a skipped line leaves a gap.
// Addresses are compared, and no byte outside the head is read.

import Glibc
import HTTP

/// The fields of one head, and what is wrong with its form. Knows no connection: `ReceivedHead` walks that.
struct HeadLayout {
    /// Without blanks at the ends of values.
    private(set) var headers = HeaderFields()
    /// A fixed phrase; nothing of the client's goes into it.
    private(set) var fault: String?
    /// Where the next name must begin, and where the head ends.
    private var next: UInt
    private let end: UInt

    /// Fields that most requests have at most, as far as memory for them is taken at once.
    private static let usualFieldCount = 8
    /// A line end; two of them end the head.
    private static let lineEndBytes: UInt = 2

    /// `method` and `version` are strings in the buffer where the head has `byteCount` bytes from the method
    /// on; `target` is where the target lay before it was decoded.
    init(
        method: UnsafePointer<CChar>, target: Range<UInt>, version: UnsafePointer<CChar>, byteCount: Int
    ) {
        let start = UInt(bitPattern: method)
        end = start + UInt(max(0, byteCount))
        next = UInt(bitPattern: version) + UInt(strlen(version)) + Self.lineEndBytes
        headers.fields.reserveCapacity(Self.usualFieldCount)
        // One blank each before target and version; anything else is a NUL, or more blanks.
        if start + UInt(strlen(method)) + 1 != target.lowerBound
            || UInt(bitPattern: version) != target.upperBound + 1
        {
            fault = "request line"
        }
    }

    /// The next field, in the order of the head.
    mutating func take(_ name: UnsafePointer<CChar>, _ value: UnsafePointer<CChar>?) {
        let nameBytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
        let valueBytes = UnsafeRawBufferPointer(start: value, count: value.map { strlen($0) } ?? 0)
        if fault == nil { place(nameBytes, valueBytes) }
        let kept = Self.keepsBlanks(nameBytes) ? valueBytes[...] : Self.trimmed(valueBytes)
        headers.add(
            Self.usualName(nameBytes) ?? String(decoding: nameBytes, as: UTF8.self),
            Self.has(kept, "application/json") ? "application/json" : String(decoding: kept, as: UTF8.self))
    }

    /// A name that nearly every request has, as nearly everybody spells it: to make a string of a name's
    /// bytes takes 150 instructions, to know it 20.
    private static func usualName(_ bytes: UnsafeRawBufferPointer) -> String? {
        switch bytes.count {
        case 4: has(bytes[...], "Host") ? "Host" : nil
        case 6: has(bytes[...], "Accept") ? "Accept" : nil
        case 10: has(bytes[...], "User-Agent") ? "User-Agent" : nil
        case 12: has(bytes[...], "Content-Type") ? "Content-Type" : nil
        case 14: has(bytes[...], "Content-Length") ? "Content-Length" : nil
        default: nil
        }
    }

    /// Whether these are the bytes. The value of nearly every Content-Type is one byte too long for a string
    /// without memory of its own.
    private static func has(_ bytes: Slice<UnsafeRawBufferPointer>, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount, let start = bytes.base.baseAddress else { return false }
        return memcmp(start + bytes.startIndex, word.utf8Start, bytes.count) == 0
    }

    /// After the last field.
    mutating func finish() {
        guard fault == nil else { return }
        guard next + Self.lineEndBytes == end else {
            fault = Self.brokenLines
            return
        }
        // They became NULs; `:x` and a bare LF would be as long.
        let ends = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: next - Self.lineEndBytes), count: Int(2 * Self.lineEndBytes))
        if !ends.allSatisfy({ $0 == 0 }) { fault = Self.brokenLines }
    }

    private static let brokenLines = "lines of the head are folded, cut by a NUL, or not ended by CRLF"

    private mutating func place(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard let nameStart = name.baseAddress, let valueStart = value.baseAddress,
            UInt(bitPattern: nameStart) == next
        else {
            fault = Self.brokenLines
            return
        }
        let colon = nameStart + name.count
        // Only blanks between the colon, now a NUL, and the value.
        guard valueStart > colon, UInt(bitPattern: valueStart) < end,
            UnsafeRawBufferPointer(start: colon + 1, count: valueStart - colon - 1).allSatisfy(Self.isBlank)
        else {
            fault = Self.brokenLines
            return
        }
        next = UInt(bitPattern: valueStart) + UInt(value.count) + Self.lineEndBytes
        if Self.hasControls(value) { fault = "control character in a field value" }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Without an early end, so that the compiler takes sixteen at a time: nearly all are fine.
    private static func hasControls(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var found: UInt8 = 0
        for byte in bytes { found |= (byte < 0x20 && byte != 0x09) || byte == 0x7f ? 1 : 0 }
        return found != 0
    }

    /// libmicrohttpd reads `chunked ` as another encoding than `chunked`; so FramingCheck must see it.
    private static func keepsBlanks(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count == "Transfer-Encoding".utf8.count && name[0] | 0x20 == UInt8(ascii: "t")
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        var count = bytes.count
        while count > 0, isBlank(bytes[count - 1]) { count -= 1 }
        return bytes[..<count]
    }
}
