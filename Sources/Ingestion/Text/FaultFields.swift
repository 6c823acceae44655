// Names and numbers in a driver's message: `fsr=0x402, iova=0x40`, `GFSR 0x2, GFSYNR0 0x0`, `sid: 0x8`.

/// The fields of one message.
struct FaultFields {
    private var values: [(name: String, text: ArraySlice<UInt8>)] = []
    /// The first number that stands alone.
    private(set) var firstNumber: UInt64?

    private static let fieldsMax = 32

    init(_ message: ArraySlice<UInt8>) {
        let tokens = message.split { TextLines.isBlank($0) || $0 == 0x2c || $0 == 0x3b }
        var name: ArraySlice<UInt8>?
        for token in tokens.prefix(4 * Self.fieldsMax) where values.count < Self.fieldsMax {
            if let equals = token.firstIndex(of: 0x3d), equals > token.startIndex {
                values.append((TextLines.string(token[..<equals]), token[(equals + 1)...]))
                name = nil
                continue
            }
            if firstNumber == nil { firstNumber = TextLines.prefixedHex(token) }
            if let before = name {
                values.append((TextLines.string(before), token))
            }
            name = token.last == 0x3a ? token.dropLast() : token
        }
    }

    /// The hex number of a name.
    subscript(name: String) -> UInt64? {
        text(of: name).flatMap { TextLines.prefixedHex($0) ?? ($0.elementsEqual([0x30]) ? 0 : nil) }
    }

    func u32(_ name: String) -> UInt32? { self[name].flatMap(UInt32.init(exactly:)) }

    /// The decimal number of a name.
    func decimal(_ name: String) -> UInt64? { text(of: name).flatMap(TextLines.decimal) }

    func text(_ name: String) -> String? { text(of: name).map { TextLines.string($0.prefix(64)) } }

    private func text(of name: String) -> ArraySlice<UInt8>? {
        values.first { $0.name == name }?.text
    }
}
