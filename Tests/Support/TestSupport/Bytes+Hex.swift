// Bytes as collectors write them.

extension [UInt8] {
    /// Two lower-case digits a byte.
    public var hexDigits: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
