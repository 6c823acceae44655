// Reads the members of one object and, at the end, refuses those that no reader asked for: a typo in an
// optional field must not be ignored.

/// The members of an object, taken one by one.
///
/// Names are literals of ours, as `JSONWriter`'s are, so that noting one costs no count of references; a name
/// that is data goes to `optional(text:)`.
public struct ObjectReader {
    public let node: JSONNode
    public let problems: ProblemList
    private var knownLiterals: [StaticString] = []
    private var knownTexts: [String] = []
    /// Of the first 64 members in document order, those that were asked for.
    private var taken: UInt64 = 0
    /// The marks that the names have, so that most of the members that may be there are not looked for.
    private let marks: UInt64

    /// nil, with the fault noted, when the value is not an object.
    public init?(_ node: JSONNode, _ problems: ProblemList) {
        guard node.kind == .object else {
            node.wrongType("an object", problems)
            return nil
        }
        self.node = node
        self.problems = problems
        marks = node.keyMarks { Self.mark(length: $0, first: $1) }
        knownLiterals.reserveCapacity(32)
    }

    /// One bit for the length and the first byte of a name: of thirty names that a question may have, two or
    /// three share the bit of one that it has.
    private static func mark(length: Int, first: UInt8) -> UInt64 {
        1 &<< UInt64(truncatingIfNeeded: length &* 5 &+ Int(first))
    }

    /// The member, nil when it is absent.
    public mutating func optional(_ name: StaticString) -> JSONNode? {
        knownLiterals.append(name)
        return name.withUTF8Buffer { member($0) }
    }

    /// The member under a name that is data, nil when it is absent.
    public mutating func optional(text name: String) -> JSONNode? {
        knownTexts.append(name)
        var name = name
        return name.withUTF8 { member($0) }
    }

    private mutating func member(_ name: UnsafeBufferPointer<UInt8>) -> JSONNode? {
        let mark = Self.mark(length: name.count, first: name.first ?? 0)
        guard marks & mark != 0, let place = node.place(of: name) else {
            return nil
        }
        if place.ordinal < UInt64.bitWidth { taken |= 1 << UInt64(place.ordinal) }
        return JSONNode(document: node.document, index: place.index)
    }

    /// The member; its absence is a fault.
    public mutating func required(_ name: StaticString) -> JSONNode? {
        guard let member = optional(name) else {
            Self.noteMissing(name.description, of: node, problems)
            return nil
        }
        return member
    }

    /// Notes that a member is missing.
    public static func noteMissing(_ name: String, of node: JSONNode, _ problems: ProblemList) {
        problems.add(
            "\(node.pointer)/\(JSONNode.escaped(name))", "required", "The member \"\(name)\" is missing.")
    }

    /// Where a member is or would be.
    public func pointer(_ name: String) -> String { "\(node.pointer)/\(JSONNode.escaped(name))" }

    /// Notes every member that was never asked for.
    public func finish() {
        let all = node.count < UInt64.bitWidth ? (1 << UInt64(node.count)) - 1 : UInt64.max
        guard node.count > UInt64.bitWidth || taken != all else { return }
        let known = knownLiterals.map(\.description) + knownTexts
        for child in node.children {
            let key = child.key
            guard !known.contains(key) else { continue }
            let nearest = Self.nearestName(to: key, known).map { "; did you mean \"\($0)\"?" } ?? "."
            problems.add(
                child.pointer, "unknown-field", "Unknown member \"\(Excerpt.of(key))\"\(nearest)")
            // Pointers of millions of stray members would cost more than they are worth.
            if problems.dropped > 0 { return }
        }
    }

    /// The known name that differs by the fewest edits, if few enough to be a slip.
    private static func nearestName(to key: String, _ known: [String]) -> String? {
        guard key.utf8.count <= 64 else { return nil }
        let scored = known.map { ($0, edits(Array(key.utf8), Array($0.utf8))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(2, key.utf8.count / 3) else {
            return nil
        }
        return best.0
    }

    /// Levenshtein distance; both texts are short.
    private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let replace = diagonal + (left == right ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replace, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}

// The wire's ranges: {"start", "last"} or {"start", "size"}, both inclusive in meaning.

extension ObjectReader {
    /// Start and last address of a range whose members stand in this object. Reports a missing end, both
    /// ends, a range that runs backwards, no bytes, and a wrap past 2^64-1.
    public mutating func range() -> (start: UInt64, last: UInt64)? {
        let startNode = required("start")
        let start = startNode?.u64(problems)
        let lastNode = optional("last")
        let sizeNode = optional("size")
        let last = lastNode?.u64(problems)
        let size = sizeNode?.size(problems)
        switch (lastNode, sizeNode) {
        case (.some, .some(let node)):
            problems.add(node.pointer, "conflict", "Send \"last\" or \"size\", not both.")
            return nil
        case (nil, nil):
            problems.add(pointer("last"), "required", "Send \"last\" (inclusive) or \"size\".")
            return nil
        case (.some(let node), nil):
            guard let start, let last else { return nil }
            guard start <= last else {
                problems.add(node.pointer, "backwards", "\"last\" is below \"start\"; \"last\" is inclusive.")
                return nil
            }
            return (start, last)
        case (nil, .some(let node)):
            guard let start, let size else { return nil }
            guard size > 0 else {
                problems.add(node.pointer, "zero-size", "\"size\" is 0; a range has at least one byte.")
                return nil
            }
            let (last, wraps) = start.addingReportingOverflow(size - 1)
            guard !wraps else {
                problems.add(node.pointer, "wraps", "\"start\" + \"size\" passes 2^64.")
                return nil
            }
            return (start, last)
        }
    }
}
