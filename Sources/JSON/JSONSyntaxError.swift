// Why bytes are not a JSON document, and where.

/// The first fault of a text, with its place.
public struct JSONSyntaxError: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case malformed(String)
        /// The pointer names the second occurrence.
        case duplicateKey(pointer: String)
        case tooLarge(limitBytes: Int)
        case tooDeep(limit: Int)
        case tooManyValues(limit: Int)
        case outOfMemory
    }

    public var kind: Kind
    /// Offset in bytes from the start of the text.
    public var offset: Int
    /// Lines end with a line feed; the first is 1.
    public var line: Int
    /// Column in code points from the start of the line; the first is 1.
    public var column: Int

    init(_ kind: Kind, at offset: Int, in source: [UInt8]) {
        self.kind = kind
        self.offset = offset
        (line, column) = Self.place(of: offset, in: source)
    }

    static func place(of offset: Int, in source: [UInt8]) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        for byte in source.prefix(offset) {
            if byte == 0x0a {
                line += 1
                column = 1
            } else if byte & 0xc0 != 0x80 {
                // Continuation bytes do not start a code point.
                column += 1
            }
        }
        return (line, column)
    }
}
