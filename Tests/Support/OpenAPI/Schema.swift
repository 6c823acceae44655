// The part of JSON Schema 2020-12 that openapi.yaml is written in, compiled from the document. A keyword
// that is not known here is an error when the document is read: nothing goes unchecked in silence.

/// One schema; others are named by their place in the book.
struct Schema: Sendable {
    enum Additional: Sendable {
        case forbidden
        case any
        case schema(Int)
    }

    /// JSON Pointer of the schema in the document.
    let pointer: String
    /// Of `true` and `false`, which are schemas too.
    var verdict: Bool?
    var reference: Int?
    var types: Set<String>?
    var enumeration: [JSONValue]?
    var constant: JSONValue?
    var pattern: TextPattern?
    var lengths: ClosedRange<Int>?
    var minimum: Double?
    var maximum: Double?
    var counts: ClosedRange<Int>?
    var required: [String] = []
    var properties: [String: Int] = [:]
    var additional: Additional?
    var forbidsUnevaluated = false
    /// Of an object's keys.
    var names: Int?
    /// Of an object's members.
    var memberCounts: ClosedRange<Int>?
    var prefixItems: [Int] = []
    var items: Int?
    var allOf: [Int] = []
    var anyOf: [Int] = []
    var oneOf: [Int] = []

    init(pointer: String) { self.pointer = pointer }
}

/// Why a document cannot be read.
public struct DocumentFault: Error, CustomStringConvertible {
    public let description: String

    init(_ pointer: String, _ what: String) { description = "\(pointer): \(what)" }
}

/// Every schema that was asked for, and those that they refer to.
public struct SchemaBook: Sendable {
    let root: JSONValue
    private(set) var schemas: [Schema] = []
    private var places: [String: Int] = [:]

    public init(_ root: JSONValue) { self.root = root }

    /// The place of the schema at a pointer.
    public mutating func compile(at pointer: String) throws -> Int {
        if let place = places[pointer] { return place }
        guard let value = root.value(at: pointer) else { throw DocumentFault(pointer, "nothing is there") }
        let place = schemas.count
        places[pointer] = place
        schemas.append(Schema(pointer: pointer))
        var schema = Schema(pointer: pointer)
        switch value {
        case .bool(let verdict): schema.verdict = verdict
        case .object(let members):
            for (keyword, value) in members.sorted(by: { $0.key < $1.key }) {
                try read(keyword, value, into: &schema)
            }
        default: throw DocumentFault(pointer, "no schema")
        }
        schemas[place] = schema
        return place
    }

    public func place(of pointer: String) -> Int? { places[pointer] }

    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "deprecated", "$comment", "format",
    ]

    private mutating func read(_ keyword: String, _ value: JSONValue, into schema: inout Schema) throws {
        let pointer = schema.pointer
        let place = "\(pointer)/\(Pointer.escaped(keyword))"
        func wrong() -> DocumentFault { DocumentFault(place, "a value that is not expected there") }
        switch keyword {
        case _ where Self.annotations.contains(keyword): return
        case "$ref":
            guard let target = value.string, target.hasPrefix("#/") else { throw wrong() }
            schema.reference = try compile(at: String(target.dropFirst()))
        case "type": schema.types = try types(value, place)
        case "enum":
            guard let values = value.array, !values.isEmpty, Set(values).count == values.count else {
                throw wrong()
            }
            schema.enumeration = values
        case "const": schema.constant = value
        case "pattern":
            guard let text = value.string else { throw wrong() }
            schema.pattern = try TextPattern(text)
        case "minimum", "maximum":
            guard let bound = value.double else { throw wrong() }
            if keyword == "minimum" { schema.minimum = bound } else { schema.maximum = bound }
        case "minLength", "maxLength": schema.lengths = try bounds(schema.lengths, keyword, value, place)
        case "minItems", "maxItems": schema.counts = try bounds(schema.counts, keyword, value, place)
        case "required":
            guard let names = value.array?.compactMap(\.string), names.count == value.array?.count,
                Set(names).count == names.count
            else { throw wrong() }
            schema.required = names
        case "properties":
            guard let members = value.object else { throw wrong() }
            for name in members.keys.sorted() {
                schema.properties[name] = try compile(at: "\(place)/\(Pointer.escaped(name))")
            }
        case "additionalProperties":
            schema.additional =
                switch value {
                case .bool(false): .forbidden
                case .bool(true): .any
                default: .schema(try compile(at: place))
                }
        case "propertyNames": schema.names = try compile(at: place)
        case "minProperties", "maxProperties":
            schema.memberCounts = try bounds(schema.memberCounts, keyword, value, place)
        case "unevaluatedProperties":
            guard value == .bool(false) else { throw wrong() }
            schema.forbidsUnevaluated = true
        case "items": schema.items = try compile(at: place)
        case "prefixItems": schema.prefixItems = try list(value, place)
        case "allOf": schema.allOf = try list(value, place)
        case "anyOf": schema.anyOf = try list(value, place)
        case "oneOf": schema.oneOf = try list(value, place)
        default: throw DocumentFault(place, "a keyword that is not checked")
        }
    }

    private func types(_ value: JSONValue, _ place: String) throws -> Set<String> {
        let known: Set<String> = ["null", "boolean", "integer", "number", "string", "array", "object"]
        let names = value.string.map { [$0] } ?? value.array?.compactMap(\.string) ?? []
        guard !names.isEmpty, known.isSuperset(of: names) else { throw DocumentFault(place, "no type") }
        return Set(names)
    }

    private func bounds(
        _ given: ClosedRange<Int>?, _ keyword: String, _ value: JSONValue, _ place: String
    ) throws -> ClosedRange<Int> {
        let range = given ?? 0...Int.max
        guard let bound = value.integer, bound >= 0 else { throw DocumentFault(place, "no count") }
        let (low, high) =
            keyword.hasPrefix("min") ? (bound, range.upperBound) : (range.lowerBound, bound)
        guard low <= high else { throw DocumentFault(place, "an empty range") }
        return low...high
    }

    private mutating func list(_ value: JSONValue, _ place: String) throws -> [Int] {
        guard let items = value.array, !items.isEmpty else { throw DocumentFault(place, "no list") }
        return try items.indices.map { try compile(at: "\(place)/\($0)") }
    }
}

extension JSONValue {
    /// A number without a fraction, however it is written: an integer for JSON Schema.
    var isWhole: Bool { double.map { $0.rounded() == $0 } ?? false }

    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}
