// A sentence that is put together from pieces. Sentences are most of what an answer costs, and a `String`
// checks and grows with each piece: three to five times the time of appending bytes to one buffer.

/// Text in UTF-8 that is written like a string with interpolations.
///
/// Complexity: O(bytes); one allocation, where the pieces are not much longer than an address each.
public struct Phrase: ExpressibleByStringInterpolation, Sendable {
    public private(set) var bytes: [UInt8]

    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        /// Bytes that are kept for a piece: two addresses with what stands between them.
        private static let pieceBytes = 40

        public init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity + interpolationCount * Self.pieceBytes)
        }

        public mutating func appendLiteral(_ literal: String) { bytes.append(utf8Of: literal) }
        public mutating func appendInterpolation(_ text: String) { bytes.append(utf8Of: text) }
        public mutating func appendInterpolation(_ phrase: Phrase) { bytes.append(contentsOf: phrase.bytes) }
        public mutating func appendInterpolation(_ number: Int) { bytes.append(utf8Of: String(number)) }

        /// `0x8000000`
        public mutating func appendInterpolation(hex value: UInt64) { bytes.append(hex: value) }

        /// `0x8000000...0x80fffff`
        public mutating func appendInterpolation<Space: Address>(_ range: AddressRange<Space>) {
            bytes.append(hex: range.start.value)
            bytes.append(utf8Of: "...")
            bytes.append(hex: range.last.value)
        }
    }

    public init(stringLiteral text: String) {
        bytes = []
        bytes.append(utf8Of: text)
    }

    public init(stringInterpolation pieces: StringInterpolation) { bytes = pieces.bytes }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public static func += (phrase: inout Phrase, more: Phrase) { phrase.bytes.append(contentsOf: more.bytes) }
}

extension [UInt8] {
    fileprivate mutating func append(utf8Of text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }

    fileprivate mutating func append(hex value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: HexLiteral.textBytesMax) { buffer in
            append(contentsOf: buffer[..<HexLiteral.spell(value, into: buffer)])
        }
    }
}
