// Little-endian fields of a table, with every access checked: what lies beyond the end is nil.

/// The bytes of one table.
struct TableBytes {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    private func number(_ offset: Int, _ width: Int) -> UInt64? {
        guard offset >= 0, offset <= count - width else { return nil }
        var value: UInt64 = 0
        for place in 0..<width { value |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
        return value
    }

    func u8(_ offset: Int) -> UInt8? { number(offset, 1).map { UInt8(truncatingIfNeeded: $0) } }
    func u16(_ offset: Int) -> UInt16? { number(offset, 2).map { UInt16(truncatingIfNeeded: $0) } }
    func u32(_ offset: Int) -> UInt32? { number(offset, 4).map { UInt32(truncatingIfNeeded: $0) } }
    func u64(_ offset: Int) -> UInt64? { number(offset, 8) }

    /// `count` bytes as ASCII; what is not printable becomes a question mark.
    func text(_ offset: Int, _ length: Int) -> String {
        let part = bytes[min(offset, count)..<min(offset + length, count)]
        return String(decoding: part.map { (0x20...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
    }
}
