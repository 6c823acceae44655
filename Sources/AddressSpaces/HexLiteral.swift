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
        let digits = digitCount(value)
        return String(unsafeUninitializedCapacity: 2 + digits) { buffer in
            buffer[0] = 0x30
            buffer[1] = 0x78
            for place in 0..<digits {
                buffer[2 + place] = character(of: value, at: digits - 1 - place)
            }
            return 2 + digits
        }
    }

    /// Digits without leading zeros; one for 0.
    static func digitCount(_ value: UInt64) -> Int {
        max(1, (UInt64.bitWidth - value.leadingZeroBitCount + 3) / 4)
    }

    /// The digit at a place, counted from the lowest.
    static func character(of value: UInt64, at place: Int) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * place)) & 0xf
        return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
    }

    /// `0x0000000008000000`: sixteen digits, as sysfs prints.
    public static func padded(_ value: UInt64) -> String { "0x" + digits(value, atLeast: digitsMax) }

    /// `0a`: the digits alone, with zeros before them up to `count`.
    public static func digits(_ value: UInt64, atLeast count: Int = 1) -> String {
        let digits = max(digitCount(value), count)
        return String(unsafeUninitializedCapacity: digits) { buffer in
            for place in 0..<digits {
                buffer[place] = character(of: value, at: digits - 1 - place)
            }
            return digits
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
