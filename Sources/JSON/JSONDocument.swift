// A whole document as a flat table of nodes, within limits, or the first fault of its text. simdjson reads
// it (behind CSimdJSON); what it leaves open is settled here: where a fault is, duplicate keys, bounds, and
// the top level.

import CSimdJSON

/// A JSON text that has been read and found sound. Immutable, so it may be shared.
public final class JSONDocument: Sendable {
    struct Node: Sendable {
        var kind: JSONNode.Kind
        var end: Int32
        var parent: Int32
        var count: Int32
        var position: Int32
        var keyOffset: Int32
        var keyLength: Int32
        var textOffset: Int32
        var textLength: Int32
    }

    let nodes: [Node]
    /// Decoded strings and keys, one after another.
    let text: [UInt8]
    let source: [UInt8]

    /// The top-level value.
    public var root: JSONNode { JSONNode(document: self, index: 0) }

    /// Whether the decoded bytes at `offset` are those wanted, which lie within the text.
    ///
    /// Eight bytes at a time where there are so many, the last ones once more.
    func hasText(_ wanted: UnsafeBufferPointer<UInt8>, at offset: Int) -> Bool {
        precondition(offset >= 0 && offset + wanted.count <= text.count, "text beyond that of the document")
        return text.withUnsafeBytes { text in
            let wanted = UnsafeRawBufferPointer(wanted)
            guard wanted.count >= 8 else {
                return wanted.indices.allSatisfy { text[offset + $0] == wanted[$0] }
            }
            func areSame(_ at: Int) -> Bool {
                text.loadUnaligned(fromByteOffset: offset + at, as: UInt64.self)
                    == wanted.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            }
            var at = 0
            while at + 8 < wanted.count {
                guard areSame(at) else { return false }
                at += 8
            }
            return areSame(wanted.count - 8)
        }
    }

    /// Reads `source` in one go; O(n), and O(k log k) for the k keys of an object.
    public init(parsing source: [UInt8], limits: JSONLimits) throws(JSONSyntaxError) {
        guard source.count <= limits.bytesMax, source.count < Int32.max else {
            throw JSONSyntaxError(.tooLarge(limitBytes: limits.bytesMax), at: 0, in: source)
        }
        if source.starts(with: [0xef, 0xbb, 0xbf]) {
            throw JSONSyntaxError(.malformed("a byte order mark; send UTF-8 without one"), at: 0, in: source)
        }
        let result = source.withUnsafeBufferPointer { bytes in
            iovad_json_parse(
                bytes.baseAddress, bytes.count, UInt32(limits.depthMax), UInt32(limits.valuesMax))
        }
        defer { iovad_json_free(result) }
        switch result.status {
        case IOVAD_JSON_OK:
            nodes = UnsafeBufferPointer(start: result.nodes, count: result.node_count).map(Node.init)
            text = [UInt8](UnsafeBufferPointer(start: result.text, count: result.text_length))
        case IOVAD_JSON_SCALAR:
            if let fault = JSONScanner.firstFault(in: source) { throw fault.error(in: source) }
            (nodes, text) = ([Node.scalar(in: source)], [])
        default:
            throw Self.refusal(result, source, limits)
        }
        self.source = source
    }

    private static func refusal(
        _ result: iovad_json_result, _ source: [UInt8], _ limits: JSONLimits
    ) -> JSONSyntaxError {
        // simdjson does not always say where, so the place comes from a scan of our own.
        let offset = result.position == .max ? 0 : min(Int(result.position), source.count)
        switch result.status {
        case IOVAD_JSON_TOO_DEEP:
            return JSONSyntaxError(.tooDeep(limit: limits.depthMax), at: offset, in: source)
        case IOVAD_JSON_TOO_MANY:
            return JSONSyntaxError(.tooManyValues(limit: limits.valuesMax), at: offset, in: source)
        case IOVAD_JSON_DUPLICATE_KEY:
            return JSONSyntaxError(
                .duplicateKey(pointer: duplicatePointer(result, offset, source)), at: offset, in: source)
        case IOVAD_JSON_NO_MEMORY:
            return JSONSyntaxError(.outOfMemory, at: 0, in: source)
        default:
            if let fault = JSONScanner.firstFault(in: source) { return fault.error(in: source) }
            return JSONSyntaxError(.malformed("not JSON"), at: offset, in: source)
        }
    }

    /// The pointer of the member whose key starts at `offset`: its value is the first node after the key.
    private static func duplicatePointer(
        _ result: iovad_json_result, _ offset: Int, _ source: [UInt8]
    ) -> String {
        let nodes = UnsafeBufferPointer(start: result.nodes, count: result.node_count).map(Node.init)
        let text = [UInt8](UnsafeBufferPointer(start: result.text, count: result.text_length))
        guard let index = nodes.firstIndex(where: { Int($0.position) > offset }) else { return "" }
        return JSONNode.pointer(of: index, nodes: nodes, text: text)
    }
}

extension JSONDocument.Node {
    init(_ node: iovad_json_node) {
        kind = JSONNode.Kind(node.kind)
        end = Int32(node.end)
        parent = Int32(node.parent)
        count = Int32(node.count)
        position = Int32(node.position)
        keyOffset = Int32(node.key_offset)
        keyLength = Int32(node.key_length)
        textOffset = Int32(node.text_offset)
        textLength = Int32(node.text_length)
    }

    /// The single node of a text that is one scalar. Its content is not kept: no request is a scalar.
    static func scalar(in source: [UInt8]) -> Self {
        let position = source.firstIndex { $0 > 0x20 } ?? 0
        let kind: JSONNode.Kind =
            switch source[position] {
            case UInt8(ascii: "n"): .null
            case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool(source[position] == UInt8(ascii: "t"))
            case UInt8(ascii: "\""): .string
            default: .number
            }
        return Self(
            kind: kind, end: 1, parent: 0, count: 0, position: Int32(position), keyOffset: 0, keyLength: 0,
            textOffset: 0, textLength: 0)
    }
}

extension JSONNode.Kind {
    init(_ raw: UInt32) {
        switch iovad_json_kind(raw) {
        case IOVAD_JSON_NULL: self = .null
        case IOVAD_JSON_FALSE: self = .bool(false)
        case IOVAD_JSON_TRUE: self = .bool(true)
        case IOVAD_JSON_NUMBER: self = .number
        case IOVAD_JSON_STRING: self = .string
        case IOVAD_JSON_ARRAY: self = .array
        case IOVAD_JSON_OBJECT: self = .object
        default: preconditionFailure("CSimdJSON gave kind \(raw)")
        }
    }
}

/// Bounds of one document.
public struct JSONLimits: Sendable {
    public var bytesMax: Int
    /// Nesting of objects and arrays; the top level is depth 1.
    public var depthMax: Int
    /// Values of any kind, containers included.
    public var valuesMax: Int

    public init(bytesMax: Int, depthMax: Int, valuesMax: Int) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.valuesMax = valuesMax
    }
}

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
