// A cursor into a document: one value, its kind, its place.

/// One value of a document.
public struct JSONNode: Sendable {
    public enum Kind: Hashable, Sendable {
        case null, number, string, array, object
        case bool(Bool)

        /// With its article, for a sentence: "expected an object, found a string".
        public var described: String {
            switch self {
            case .null: "null"
            case .bool: "a boolean"
            case .number: "a number"
            case .string: "a string"
            case .array: "an array"
            case .object: "an object"
            }
        }
    }

    let document: JSONDocument
    let index: Int

    private var node: JSONDocument.Node { document.nodes[index] }

    public var kind: Kind { node.kind }

    /// The key under which an object holds the value; empty for elements of arrays.
    public var key: String { Self.string(document.text, node.keyOffset, node.keyLength) }

    /// Children of a container.
    public var count: Int { Int(node.count) }

    /// The decoded bytes of a string, or the token of a number as it was sent.
    var textBytes: ArraySlice<UInt8> {
        let node = node
        let store = node.kind == .number ? document.source : document.text
        return store[Int(node.textOffset)..<Int(node.textOffset) + Int(node.textLength)]
    }

    /// The children of a container in document order.
    public var children: Children { Children(document: document, cursor: index + 1, end: Int(node.end)) }

    /// The member of an object under `name`; O(members).
    public func member(_ name: String) -> JSONNode? {
        let wanted = name.utf8
        return children.first { child in
            let node = child.node
            guard Int(node.keyLength) == wanted.count else { return false }
            let start = Int(node.keyOffset)
            return document.text[start..<start + Int(node.keyLength)].elementsEqual(wanted)
        }
    }

    /// RFC 6901; the empty string for the top level.
    public var pointer: String { Self.pointer(of: index, nodes: document.nodes, text: document.text) }

    static func pointer(of index: Int, nodes: [JSONDocument.Node], text: [UInt8]) -> String {
        var parts: [String] = []
        var at = index
        while at != 0 {
            let parent = Int(nodes[at].parent)
            if nodes[parent].kind == .array {
                var place = 0
                var sibling = parent + 1
                while sibling != at {
                    sibling = Int(nodes[sibling].end)
                    place += 1
                }
                parts.append(String(place))
            } else {
                parts.append(escaped(string(text, nodes[at].keyOffset, nodes[at].keyLength)))
            }
            at = parent
        }
        return parts.reversed().map { "/" + $0 }.joined()
    }

    /// A key as a part of a pointer.
    static func escaped(_ key: String) -> String {
        guard key.contains(where: { $0 == "~" || $0 == "/" }) else { return key }
        return key.reduce(into: "") { text, character in
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
    }

    private static func string(_ text: [UInt8], _ offset: Int32, _ length: Int32) -> String {
        String(decoding: text[Int(offset)..<Int(offset) + Int(length)], as: UTF8.self)
    }

    /// The children of one container.
    public struct Children: Sequence, IteratorProtocol {
        let document: JSONDocument
        var cursor: Int
        let end: Int

        public mutating func next() -> JSONNode? {
            guard cursor < end else { return nil }
            defer { cursor = Int(document.nodes[cursor].end) }
            return JSONNode(document: document, index: cursor)
        }
    }
}
