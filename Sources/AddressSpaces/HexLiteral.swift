// The one spelling of 64-bit numbers on the wire and in text: 0x, lower-case digits, no leading zeros.

/// Reading and writing of hexadecimal literals.
public enum HexLiteral {
    /// Most significant digits of a 64-bit number.
    private static let digitsMax = 16

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
    public static func parse(_ text: some Collection<UInt8>) throws(Problem) -> UInt64 {
        let bytes = Array(text)
        guard bytes.count >= 2, bytes[0] == 0x30, bytes[1] | 0x20 == 0x78 else { throw .missingPrefix }
        guard bytes.count > 2 else { throw .noDigits }
        var value: UInt64 = 0
        var significant = 0
        for (offset, byte) in bytes.enumerated().dropFirst(2) {
            guard let digit = digit(byte) else { throw .notADigit(offset: offset) }
            if significant > 0 || digit != 0 { significant += 1 }
            value = value << 4 | digit
        }
        guard significant <= digitsMax else { throw .tooManyDigits(significant: significant) }
        return value
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    /// `0x8000000`
    public static func text(_ value: some BinaryInteger) -> String { "0x" + digits(value) }

    /// `0x0000000008000000`: sixteen digits, as sysfs prints.
    public static func padded(_ value: UInt64) -> String { "0x" + digits(value, atLeast: digitsMax) }

    /// `0a`: the digits alone, with zeros before them up to `count`.
    public static func digits(_ value: some BinaryInteger, atLeast count: Int = 1) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
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
