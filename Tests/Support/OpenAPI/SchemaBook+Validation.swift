// Holds a value against a schema. Unless asked otherwise it is closed: a member of an object or an element of
// an array that no schema speaks of is a fault, as if every schema said `unevaluatedProperties: false`.

/// What is wrong with a value, and where.
public struct SchemaFault: Hashable, Sendable, CustomStringConvertible {
    /// JSON Pointer into the value.
    public let place: String
    /// JSON Pointer of the schema.
    public let schema: String
    public let what: String
    public var description: String { "\(place.isEmpty ? "the document" : place): \(what) (\(schema))" }
}

/// A member that a schema describes: the schema's pointer and the member's name.
public struct SchemaMember: Hashable, Sendable {
    public let schema: String
    public let name: String
}

extension SchemaBook {
    /// What is wrong with the value; nothing when it is valid.
    public func faults(of value: JSONValue, against schema: Int, isClosed: Bool = true) -> [SchemaFault] {
        var run = ValidationRun(book: self, isClosed: isClosed)
        run.validate(value, schema)
        return run.faults
    }

    /// The described members that a valid value has; nil when it is not valid.
    public func members(of value: JSONValue, against schema: Int) -> Set<SchemaMember>? {
        var run = ValidationRun(book: self, isClosed: true)
        run.validate(value, schema)
        guard run.faults.isEmpty else { return nil }
        return Set(run.seen.map { SchemaMember(schema: schemas[$0.schema].pointer, name: $0.name) })
    }
}

private struct ValidationRun {
    /// What the schemas of one place speak of.
    private struct Evaluated {
        var names: Set<String> = []
        var hasAllNames = false
        var itemCount = 0

        mutating func formUnion(_ other: Evaluated) {
            names.formUnion(other.names)
            hasAllNames = hasAllNames || other.hasAllNames
            itemCount = max(itemCount, other.itemCount)
        }
    }

    let book: SchemaBook
    let isClosed: Bool
    var faults: [SchemaFault] = []
    var seen: [(schema: Int, name: String)] = []
    private var path: [String] = []

    init(book: SchemaBook, isClosed: Bool) { (self.book, self.isClosed) = (book, isClosed) }

    private mutating func fail(_ schema: Schema, _ what: String) {
        let place = path.map { "/" + Pointer.escaped($0) }.joined()
        faults.append(SchemaFault(place: place, schema: schema.pointer, what: what))
    }

    mutating func validate(_ value: JSONValue, _ place: Int) {
        let evaluated = evaluate(value, place)
        guard isClosed else { return }
        refuseUnevaluated(value, evaluated, book.schemas[place])
        if case .array(let items) = value, items.count > evaluated.itemCount {
            fail(book.schemas[place], "elements that no schema speaks of")
        }
    }

    private mutating func refuseUnevaluated(_ value: JSONValue, _ evaluated: Evaluated, _ schema: Schema) {
        guard case .object(let members) = value, !evaluated.hasAllNames else { return }
        for name in members.keys where !evaluated.names.contains(name) {
            fail(schema, "the member \"\(name)\" is not described")
        }
    }

    private mutating func evaluate(_ value: JSONValue, _ place: Int) -> Evaluated {
        let schema = book.schemas[place]
        var evaluated = Evaluated()
        if let verdict = schema.verdict {
            if !verdict { fail(schema, "nothing is allowed here") }
            return evaluated
        }
        checkValue(value, schema)
        switch value {
        case .string(let text): checkText(text, schema)
        case .integer, .number: checkNumber(value, schema)
        case .array(let items): checkItems(items, schema, &evaluated)
        case .object(let members): checkMembers(members, schema, place, &evaluated)
        case .null, .bool: break
        }
        for other in schema.allOf { evaluated.formUnion(evaluate(value, other)) }
        if let reference = schema.reference { evaluated.formUnion(evaluate(value, reference)) }
        if !schema.oneOf.isEmpty { choose(value, schema.oneOf, isExclusive: true, schema, &evaluated) }
        if !schema.anyOf.isEmpty { choose(value, schema.anyOf, isExclusive: false, schema, &evaluated) }
        if schema.forbidsUnevaluated {
            refuseUnevaluated(value, evaluated, schema)
            evaluated.hasAllNames = true
        }
        return evaluated
    }

    private mutating func checkValue(_ value: JSONValue, _ schema: Schema) {
        if let types = schema.types, !types.contains(value.typeName) {
            let isNumber =
                value.typeName == "integer" && types.contains("number")
                || value.isWhole && types.contains("integer")
            if !isNumber {
                fail(schema, "\(value.typeName), not \(types.sorted().joined(separator: " or "))")
            }
        }
        if let values = schema.enumeration, !values.contains(value) {
            fail(schema, "\(value.text) is not one of the listed values")
        }
        if let constant = schema.constant, constant != value {
            fail(schema, "\(value.text), not \(constant.text)")
        }
    }

    private mutating func checkText(_ text: String, _ schema: Schema) {
        if let pattern = schema.pattern, !pattern.matches(text) {
            fail(schema, "\"\(text)\" does not match the pattern")
        }
        if let lengths = schema.lengths, !lengths.contains(text.unicodeScalars.count) {
            fail(schema, "\(text.unicodeScalars.count) characters")
        }
    }

    private mutating func checkNumber(_ value: JSONValue, _ schema: Schema) {
        guard let number = value.double else { return }
        if let minimum = schema.minimum, number < minimum { fail(schema, "\(value.text) is too small") }
        if let maximum = schema.maximum, number > maximum { fail(schema, "\(value.text) is too large") }
    }

    private mutating func checkItems(_ items: [JSONValue], _ schema: Schema, _ evaluated: inout Evaluated) {
        if let counts = schema.counts, !counts.contains(items.count) {
            fail(schema, "\(items.count) elements")
        }
        for (index, item) in items.enumerated() {
            let place = index < schema.prefixItems.count ? schema.prefixItems[index] : schema.items
            guard let place else { continue }
            path.append(String(index))
            validate(item, place)
            path.removeLast()
        }
        evaluated.itemCount =
            schema.items == nil ? min(schema.prefixItems.count, items.count) : items.count
    }

    private mutating func checkMembers(
        _ members: [String: JSONValue], _ schema: Schema, _ place: Int, _ evaluated: inout Evaluated
    ) {
        for name in schema.required where members[name] == nil {
            fail(schema, "the member \"\(name)\" is missing")
        }
        if let counts = schema.memberCounts, !counts.contains(members.count) {
            fail(schema, "\(members.count) members")
        }
        if let names = schema.names {
            for name in members.keys { validate(.string(name), names) }
        }
        for (name, value) in members {
            if let property = schema.properties[name] {
                seen.append((place, name))
                path.append(name)
                validate(value, property)
                path.removeLast()
                evaluated.names.insert(name)
                continue
            }
            switch schema.additional {
            case .forbidden?: fail(schema, "the member \"\(name)\" is forbidden")
            case .schema(let additional)?:
                path.append(name)
                validate(value, additional)
                path.removeLast()
            case .any?, nil: break
            }
        }
        if schema.additional != nil { evaluated.hasAllNames = true }
    }

    /// Runs each alternative on its own; when none fits, the faults of the nearest are reported.
    private mutating func choose(
        _ value: JSONValue, _ alternatives: [Int], isExclusive: Bool, _ schema: Schema,
        _ evaluated: inout Evaluated
    ) {
        var fitting: [Int] = []
        var nearest: [SchemaFault]?
        for alternative in alternatives {
            let (faultsBefore, seenBefore) = (faults.count, seen.count)
            let result = evaluate(value, alternative)
            let found = Array(faults[faultsBefore...])
            faults.removeLast(found.count)
            if found.isEmpty {
                fitting.append(alternative)
                evaluated.formUnion(result)
            } else {
                seen.removeLast(seen.count - seenBefore)
                if nearest.map({ Self.distance(found) < Self.distance($0) }) ?? true { nearest = found }
            }
        }
        if fitting.isEmpty {
            fail(schema, "none of the alternatives fits; the nearest:")
            faults += nearest ?? []
        } else if isExclusive, fitting.count > 1 {
            let pointers = fitting.map { book.schemas[$0].pointer }
            fail(schema, "more than one alternative fits: \(pointers.joined(separator: ", "))")
        }
    }

    /// An alternative whose faults lie deep in the value is nearer than one that fails at once.
    private static func distance(_ faults: [SchemaFault]) -> Int {
        let depth = faults.map { $0.place.utf8.count { $0 == UInt8(ascii: "/") } }.min() ?? 0
        return faults.count - 16 * depth
    }
}
