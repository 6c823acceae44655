// A cursor into a document: one value, its kind, its place, and its meaning. Every reader of a meaning
// returns nil after it has noted what is wrong, where, and what to send instead; so a caller reads on, and
// an answer reports all faults of a request at once.

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

    /// What is made of the lengths and the first bytes of its members' names, together.
    func keyMarks(_ mark: (_ length: Int, _ first: UInt8) -> UInt64) -> UInt64 {
        var marks: UInt64 = 0
        var at = index + 1
        let end = Int(node.end)
        while at < end {
            let child = document.nodes[at]
            let length = Int(child.keyLength)
            marks |= mark(length, length > 0 ? document.text[Int(child.keyOffset)] : 0)
            at = Int(child.end)
        }
        return marks
    }

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
        var name = name
        return name.withUTF8 { place(of: $0) }.map { JSONNode(document: document, index: $0.index) }
    }

    /// Where the member under a name stands: its node, and which of the members it is.
    func place(of name: UnsafeBufferPointer<UInt8>) -> (index: Int, ordinal: Int)? {
        var at = index + 1
        var ordinal = 0
        let end = Int(node.end)
        while at < end {
            let child = document.nodes[at]
            if Int(child.keyLength) == name.count, document.hasText(name, at: Int(child.keyOffset)) {
                return (at, ordinal)
            }
            at = Int(child.end)
            ordinal += 1
        }
        return nil
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

extension JSONNode {
    /// Largest integer that every JSON reader holds exactly: 2^53 - 1.
    public static let exactIntegerMax: UInt64 = (1 << 53) - 1

    /// A 64-bit number: "0x" and at most 16 significant hex digits, or an integer 0 ... 2^53-1.
    public func u64(_ problems: ProblemList) -> UInt64? {
        read(problems) { scalar throws(ScalarFault) in try scalar.u64() }
    }

    /// Bytes: the same, or a string as people write sizes: "64K", "1.5G", "4 GiB", "4096".
    public func size(_ problems: ProblemList) -> UInt64? {
        read(problems) { scalar throws(ScalarFault) in try scalar.size() }
    }

    /// A JSON integer in `bounds`.
    public func int(in bounds: ClosedRange<Int>, _ problems: ProblemList) -> Int? {
        read(problems) { scalar throws(ScalarFault) in try scalar.int(in: bounds) }
    }

    public func bool(_ problems: ProblemList) -> Bool? {
        read(problems) { scalar throws(ScalarFault) in try scalar.bool() }
    }

    /// A string of at most `bytesMax` bytes in UTF-8.
    public func string(bytesMax: Int, _ problems: ProblemList) -> String? {
        read(problems) { scalar throws(ScalarFault) in try scalar.string(bytesMax: bytesMax) }
    }

    /// The same, without control characters: a name, or another text that sentences repeat.
    public func line(bytesMax: Int, _ problems: ProblemList) -> String? {
        read(problems) { scalar throws(ScalarFault) in try scalar.line(bytesMax: bytesMax) }
    }

    /// One of a few words. Inlinable, so that it is made for each kind of value: by way of their witnesses a
    /// word of eight took 4,000 instructions.
    @inlinable
    public func choice<Value>(_ values: [(word: String, value: Value)], _ problems: ProblemList) -> Value? {
        if let place = values.firstIndex(where: { isString($0.word) }) { return values[place].value }
        refuseChoice(of: values.map(\.word), problems)
        return nil
    }

    /// Whether it is this string. Most words differ in their length.
    @usableFromInline
    func isString(_ word: String) -> Bool {
        let node = node
        guard node.kind == .string, Int(node.textLength) == word.utf8.count else { return false }
        return word.utf8.withContiguousStorageIfAvailable { document.hasText($0, at: Int(node.textOffset)) }
            ?? textBytes.elementsEqual(word.utf8)
    }

    @usableFromInline
    func refuseChoice(of words: [String], _ problems: ProblemList) {
        let fault = Scalar(kind, textBytes).notOne(of: words)
        problems.add(pointer, fault.code, fault.detail)
    }

    /// The elements of an array of at most `countMax`.
    public func elements(countMax: Int, _ problems: ProblemList) -> [JSONNode]? {
        guard kind == .array else {
            wrongType("an array", problems)
            return nil
        }
        guard count <= countMax else {
            problems.add(pointer, "too-many", "\(count) elements; at most \(countMax) are read.")
            return nil
        }
        return Array(children)
    }

    func wrongType(_ expected: String, _ problems: ProblemList) {
        let fault = ScalarFault.wrongType(expected: expected, found: kind)
        problems.add(pointer, fault.code, fault.detail)
    }

    private func read<T>(
        _ problems: ProblemList, _ body: (Scalar) throws(ScalarFault) -> T
    ) -> T? {
        do {
            return try body(Scalar(kind, textBytes))
        } catch {
            problems.add(pointer, error.code, error.detail)
            return nil
        }
    }
}
