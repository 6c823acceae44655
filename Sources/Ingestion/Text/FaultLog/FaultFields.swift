// Names and numbers in a message: `iova=0x40`, `sid: 0x8`, `GFSR 0x80000002`. A number that was broken in two
// on its line is told as broken, and not as its first half.

import AddressSpaces

/// The fields of one message.
struct FaultFields {
    private var values: [(name: String, text: ArraySlice<UInt8>)] = []
    private var broken: Set<String> = []
    /// The first number that stands alone.
    private(set) var firstNumber: UInt64?

    private static let fieldsMax = 32

    init(_ message: ArraySlice<UInt8>) {
        // The record of /dev/kmsg that begins on the same line: "3,1201,70476343,-;".
        let words = message.split(whereSeparator: TextLines.isBlank).prefix(4 * Self.fieldsMax)
        let other = words.first { $0.contains(0x3b) && $0.count(where: { $0 == 0x2c }) >= 3 }
        let tokens = message[..<(other?.startIndex ?? message.endIndex)].split {
            TextLines.isBlank($0) || $0 == 0x2c || $0 == 0x3b
        }
        var name: ArraySlice<UInt8>?
        var isBehindValue = false
        for token in tokens.prefix(4 * Self.fieldsMax) where values.count < Self.fieldsMax {
            if let equals = token.firstIndex(of: 0x3d), equals > token.startIndex {
                values.append((TextLines.string(token[..<equals]), token[(equals + 1)...]))
                name = nil
                isBehindValue = true
                continue
            }
            if isBehindValue, let last = values.last, last.text.starts(with: "0x".utf8),
                TextLines.bareHex(token) != nil
            {
                broken.insert(last.name)
            }
            isBehindValue = false
            if firstNumber == nil { firstNumber = TextLines.prefixedHex(token) }
            if let before = name {
                values.append((TextLines.string(before), token))
            }
            name = token.last == 0x3a ? token.dropLast() : token
        }
    }

    /// The hex number of a name.
    subscript(name: String) -> UInt64? {
        guard !broken.contains(name) else { return nil }
        return text(of: name).flatMap { TextLines.prefixedHex($0) ?? ($0.elementsEqual([0x30]) ? 0 : nil) }
    }

    func u32(_ name: String) -> UInt32? { self[name].flatMap(UInt32.init(exactly:)) }

    /// The decimal number of a name.
    func decimal(_ name: String) -> UInt64? { text(of: name).flatMap { DecimalLiteral.parse($0) } }

    func text(_ name: String) -> String? { text(of: name).map { TextLines.string($0.prefix(64)) } }

    func has(_ name: String) -> Bool { text(of: name) != nil }

    /// Whether a name is there whose number cannot be read.
    func isMangled(_ name: String) -> Bool { has(name) && self[name] == nil }

    /// The name of the last field, when the message ends with its number.
    var last: (name: String, text: ArraySlice<UInt8>)? { values.last }

    private func text(of name: String) -> ArraySlice<UInt8>? {
        values.first { $0.name == name }?.text
    }
}
