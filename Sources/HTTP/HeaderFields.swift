// Header fields in the order in which they were received, and the elements of those whose values are lists.
// Names are compared without regard to ASCII case. What a field means is for its readers to know.

/// A list of header fields. Small, so a linear search is the fastest look-up.
public struct HeaderFields: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public var name: String
        public var value: String
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var fields: [Field]

    public init(_ fields: [Field] = []) { self.fields = fields }

    /// One field and others, with room for so many more.
    public init(_ first: Field, _ others: [Field] = [], roomFor more: Int) {
        fields = []
        fields.reserveCapacity(1 + others.count + more)
        fields.append(first)
        if !others.isEmpty { fields += others }
    }

    /// The first field of this name; nil without one.
    public subscript(name: String) -> String? {
        // Most names differ in their length, which needs no reference to the field.
        let length = name.utf8.count
        for place in fields.indices where fields[place].name.utf8.count == length {
            if equalIgnoringASCIICase(fields[place].name, name) { return fields[place].value }
        }
        return nil
    }

    /// Every field of this name, in order.
    public func all(_ name: String) -> [String] {
        var values: [String] = []
        let length = name.utf8.count
        for place in fields.indices where fields[place].name.utf8.count == length {
            if equalIgnoringASCIICase(fields[place].name, name) { values.append(fields[place].value) }
        }
        return values
    }

    public mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

    /// Puts `value` in place of every field of this name.
    public mutating func set(_ name: String, _ value: String) {
        fields.removeAll { equalIgnoringASCIICase($0.name, name) }
        fields.append(Field(name, value))
    }
}

/// Whether two field names are the same: ASCII letters match in either case, all else exactly.
public func equalIgnoringASCIICase(_ left: String, _ right: String) -> Bool {
    guard left.utf8.count == right.utf8.count else { return false }
    return left.withBytes { left in
        right.withBytes { right in
            // Nearly all names are spelled as the standards spell them.
            left.indices.allSatisfy {
                left[$0] == right[$0] || lowercasedASCII(left[$0]) == lowercasedASCII(right[$0])
            }
        }
    }
}

extension String {
    /// The string's own bytes, where they lie: iterators cost ten times as much for a few bytes, and
    /// `withUTF8`, which may change the string, counts two references.
    @inlinable
    package func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
    }
}

private func lowercasedASCII(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

/// Reading of comma-separated fields.
public enum FieldList {
    /// The elements of all fields in order, without blanks around them; empty ones are skipped.
    public static func elements(_ fields: [String]) -> [Substring] {
        fields.flatMap { $0.split(separator: ",") }.map(trimmed).filter { !$0.isEmpty }
    }

    /// Without spaces and tabs around it.
    public static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let head = text.drop(while: isBlank)
        guard let end = head.lastIndex(where: { !isBlank($0) }) else { return "" }
        return head[...end]
    }
}
