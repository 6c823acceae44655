// The text of one value as it was sent, for those who compare values byte by byte or hand them on.

extension JSONNode {
    /// The bytes of an object or array, from its first brace to its last; empty for other kinds. O(bytes).
    public var containerSource: ArraySlice<UInt8> {
        guard kind == .object || kind == .array else { return [] }
        let source = document.source
        let start = Int(document.nodes[index].position)
        var at = start
        var depth = 0
        var isText = false
        while at < source.count {
            let byte = source[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): isText.toggle()
            case UInt8(ascii: "\\") where isText: at += 1
            case UInt8(ascii: "{") where !isText, UInt8(ascii: "[") where !isText: depth += 1
            case UInt8(ascii: "}") where !isText, UInt8(ascii: "]") where !isText: depth -= 1
            default: continue
            }
            if depth == 0 { break }
        }
        return source[start..<at]
    }
}
