// Long lists of numbers in few bytes. Each number is written as its difference to the one two places before,
// since the lists are pairs that mostly grow. Differences are zigzagged, so that small ones of either sign
// stay small, then cut into groups of seven bits from the low end, all but the last with the top bit set
// (LEB128). The bytes are base64 with padding (RFC 4648, section 4), since JSON has no bytes.

/// Writes one list, number by number, so that a long one need never be there as a whole.
struct NumberPacker {
    /// A number of 64 bits takes at most ten bytes, which are at most 14 digits of base64 and a padding.
    static let numberBytesMax = 16

    private var before: (UInt64, UInt64) = (0, 0)
    /// Bits that fill no digit yet, at the low end.
    private var bits: UInt32 = 0
    private var bitCount: UInt32 = 0
    private var digitCount = 0

    mutating func append(_ number: UInt64, to text: inout [UInt8]) {
        let difference = Int64(bitPattern: number &- before.0)
        before = (before.1, number)
        var rest = UInt64(bitPattern: difference << 1 ^ difference >> 63)
        while rest >= 0x80 {
            append(byte: UInt8(truncatingIfNeeded: rest) | 0x80, to: &text)
            rest >>= 7
        }
        append(byte: UInt8(rest), to: &text)
    }

    private mutating func append(byte: UInt8, to text: inout [UInt8]) {
        bits = bits << 8 | UInt32(byte)
        bitCount += 8
        while bitCount >= 6 {
            bitCount -= 6
            append(digit: bits >> bitCount & 0x3f, to: &text)
        }
    }

    private mutating func append(digit: UInt32, to text: inout [UInt8]) {
        text.append(Base64.digits[Int(digit)])
        digitCount += 1
    }

    /// What the last byte left over, and the padding.
    mutating func finish(to text: inout [UInt8]) {
        if bitCount > 0 {
            append(digit: bits << (6 - bitCount) & 0x3f, to: &text)
            bitCount = 0
        }
        while !digitCount.isMultiple(of: 4) {
            text.append(Base64.padding)
            digitCount += 1
        }
    }
}

/// Reads one list.
struct PackedNumbers {
    /// Why a text is not a list of these. Places count from 0.
    enum Fault: Error {
        case notBase64(place: Int)
        case cutOff
        /// The number's place in the list.
        case over64Bits(place: Int)
        case notShortest(place: Int)
        case tooMany(most: Int)

        /// One sentence.
        var detail: String {
            switch self {
            case .notBase64(let place): "The text is not base64 at byte \(place)."
            case .cutOff: "The text ends within a number."
            case .over64Bits(let place): "Number \(place) has more than 64 bits."
            case .notShortest(let place): "Number \(place) ends in a byte that adds nothing."
            case .tooMany(let most): "More than \(most) numbers; at most so many are read."
            }
        }
    }

    private(set) var numbers: [UInt64] = []
    private let countMax: Int
    /// The number that is being put together.
    private var number: UInt64 = 0
    private var shift: UInt64 = 0

    /// The numbers of a text. O(bytes).
    static func unpack(
        _ text: some Collection<UInt8>, countMax: Int
    ) throws(Fault) -> [UInt64] {
        var list = PackedNumbers(countMax: countMax)
        try Base64.decode(text) { byte throws(Fault) in try list.take(byte) }
        guard list.shift == 0 else { throw .cutOff }
        return list.numbers
    }

    private init(countMax: Int) { self.countMax = countMax }

    private mutating func take(_ byte: UInt8) throws(Fault) {
        let group = UInt64(byte & 0x7f)
        guard shift < 63 || (shift == 63 && group <= 1 && byte < 0x80) else {
            throw .over64Bits(place: numbers.count)
        }
        // So that a list has one text.
        guard byte != 0 || shift == 0 else { throw .notShortest(place: numbers.count) }
        number |= group << shift
        guard byte < 0x80 else {
            shift += 7
            return
        }
        guard numbers.count < countMax else { throw .tooMany(most: countMax) }
        let difference = number >> 1 ^ (0 &- (number & 1))
        let before = numbers.count < 2 ? 0 : numbers[numbers.count - 2]
        numbers.append(before &+ difference)
        (number, shift) = (0, 0)
    }
}

/// Base64 as far as it is needed here.
private enum Base64 {
    static let padding = UInt8(ascii: "=")
    static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    /// The value of each byte; 0xff where it is no digit.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    /// Only the one form that a writer makes is read: padded, and with zeros in the bits that are left over.
    static func decode(
        _ text: some Collection<UInt8>, _ take: (UInt8) throws(PackedNumbers.Fault) -> Void
    ) throws(PackedNumbers.Fault) {
        var (bits, bitCount, place, paddings) = (UInt32(0), UInt32(0), 0, 0)
        for byte in text {
            if byte == padding {
                paddings += 1
            } else {
                let value = values[Int(byte)]
                guard value != 0xff, paddings == 0 else { throw .notBase64(place: place) }
                bits = bits << 6 | UInt32(value)
                bitCount += 6
                if bitCount >= 8 {
                    bitCount -= 8
                    try take(UInt8(truncatingIfNeeded: bits >> bitCount))
                }
            }
            place += 1
        }
        let isWhole = place.isMultiple(of: 4) && paddings * 2 == bitCount && bitCount < 6
        guard isWhole, bits & (1 << bitCount - 1) == 0 else { throw .notBase64(place: place) }
    }
}
