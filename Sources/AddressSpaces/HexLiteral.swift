// The one spelling of 64-bit numbers on the wire and in text: 0x, lower-case digits, no leading zeros.

/// Reading and writing of hexadecimal literals.
public enum HexLiteral {
    /// Most significant digits of a 64-bit number.
    @usableFromInline
    static let digitsMax = 16

    /// Why a text is not a literal.
    public enum Problem: Error, Hashable, Sendable {
        case missingPrefix
        case noDigits
        /// Offset in bytes from the start of the text.
        case notADigit(offset: Int)
        case tooManyDigits(significant: Int)
    }

    /// The number that `0x...` or `0X...` spells: digits in either case, leading zeros allowed, at most 16
    /// digits after them.
    @inlinable
    public static func parse(_ text: some Collection<UInt8>) throws(Problem) -> UInt64 {
        var place = text.startIndex
        func takes(_ isWanted: (UInt8) -> Bool) -> Bool {
            guard place < text.endIndex, isWanted(text[place]) else { return false }
            place = text.index(after: place)
            return true
        }
        guard takes({ $0 == 0x30 }), takes({ $0 | 0x20 == 0x78 }) else { throw .missingPrefix }
        guard place < text.endIndex else { throw .noDigits }
        return try digits(of: text, from: place)
    }

    /// The number that hex digits without a prefix spell.
    @inlinable
    public static func parseDigits(_ text: some Collection<UInt8>) throws(Problem) -> UInt64 {
        guard !text.isEmpty else { throw .noDigits }
        return try digits(of: text, from: text.startIndex)
    }

    @inlinable
    static func digits<Text: Collection<UInt8>>(
        of text: Text, from start: Text.Index
    ) throws(Problem) -> UInt64 {
        var place = start
        var value: UInt64 = 0
        var significant = 0
        while place < text.endIndex {
            guard let digit = digit(text[place]) else {
                throw .notADigit(offset: text.distance(from: text.startIndex, to: place))
            }
            if significant > 0 || digit != 0 { significant += 1 }
            value = value << 4 | UInt64(digit)
            place = text.index(after: place)
        }
        guard significant <= digitsMax else { throw .tooManyDigits(significant: significant) }
        return value
    }

    /// The value of one digit, in either case.
    @inlinable
    public static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// `0x8000000`
    public static func text(_ value: some BinaryInteger) -> String {
        guard let small = UInt64(exactly: value) else { return "0x" + digits(value) }
        return text(small)
    }

    /// `0x8000000`, put together without a string for each part: sentences have many.
    public static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: textBytesMax) { spell(value, into: $0) }
    }

    /// Bytes of the longest text.
    public static let textBytesMax = 2 + digitsMax

    /// Writes `0x8000000` at the beginning of `buffer`, and says how many bytes that took.
    ///
    /// - Precondition: `buffer` has room for `textBytesMax` bytes.
    @inlinable
    public static func spell(_ value: UInt64, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        precondition(buffer.count >= textBytesMax, "a buffer of \(buffer.count) bytes for a number")
        let digits = digitCount(value)
        buffer[0] = 0x30
        buffer[1] = 0x78
        // All digits at once in two vectors.
        withUnsafeBytes(of: characters(value)) { characters in
            let wanted = UnsafeRawBufferPointer(rebasing: characters[(digitsMax - digits)...])
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[2...])
                .copyMemory(from: wanted)
        }
        return 2 + digits
    }

    /// Digits without leading zeros; one for 0.
    @inlinable
    static func digitCount(_ value: UInt64) -> Int {
        max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 3) / 4)
    }

    /// Sixteen digits of the number.
    @inlinable
    static func characters(_ value: UInt64) -> (UInt64, UInt64) {
        (characters(UInt32(value >> 32)), characters(UInt32(truncatingIfNeeded: value)))
    }

    /// Eight digits in ASCII, the first in the lowest byte. Each nibble gets a byte of its own, then all
    /// bytes become characters at once: 0x30 is added to each, and 0x27 more where the nibble is above 9.
    @inlinable
    static func characters(_ value: UInt32) -> UInt64 {
        var nibbles = UInt64(value)
        nibbles = (nibbles & 0xffff_0000) << 16 | nibbles & 0xffff
        nibbles = (nibbles & 0x0000_ff00_0000_ff00) << 8 | nibbles & 0x0000_00ff_0000_00ff
        nibbles = (nibbles & 0x00f0_00f0_00f0_00f0) << 4 | nibbles & 0x000f_000f_000f_000f
        let letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (nibbles + 0x3030_3030_3030_3030 + letters * 0x27).byteSwapped
    }

    /// `0x0000000008000000`: sixteen digits, as sysfs prints.
    public static func padded(_ value: UInt64) -> String { "0x" + digits(value, atLeast: digitsMax) }

    /// `0a`: the digits alone, with zeros before them up to `count`.
    public static func digits(_ value: UInt64, atLeast count: Int = 1) -> String {
        guard count <= digitsMax else {
            return String(repeating: "0", count: count - digitsMax) + digits(value, atLeast: digitsMax)
        }
        let digits = max(digitCount(value), count)
        return withUnsafeBytes(of: characters(value)) { characters in
            String(decoding: characters[(digitsMax - digits)...], as: UTF8.self)
        }
    }

    /// The same of any number.
    public static func digits(_ value: some BinaryInteger, atLeast count: Int = 1) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}

/// Reading of decimal numbers.
public enum DecimalLiteral {
    /// Whether the byte is a decimal digit.
    @inlinable
    public static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// The number that decimal digits spell; nil for none, for other bytes, or beyond 64 bits.
    @inlinable
    public static func parse(_ text: some Collection<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard isDigit(byte) else { return nil }
            let (tens, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isCarried) = tens.addingReportingOverflow(UInt64(byte - 0x30))
            guard !isOver, !isCarried else { return nil }
            value = sum
        }
        return value
    }
}

extension Address {
    /// `0x8000000`
    public var hex: String { HexLiteral.text(value) }
}

extension AddressRange {
    /// `0x8000000...0x80fffff`, both inclusive.
    public var text: String { "\(start.hex)...\(last.hex)" }
}
