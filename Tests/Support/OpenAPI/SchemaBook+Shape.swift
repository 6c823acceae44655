// What a document's schemas look like, as opposed to what fits them: objects that leave room for more, and
// every closed set of words.

extension SchemaBook {
    /// Pointers of object schemas, reached from a schema, that do not forbid further members. A schema that
    /// is only a part of another counts with the whole.
    public func openObjects(from schema: Int) -> [String] {
        var found: [String] = []
        var visited: Set<Visit> = []
        visit(schema, isPart: false, &visited, &found)
        return found.sorted()
    }

    private struct Visit: Hashable {
        let place: Int
        let isPart: Bool
    }

    private func visit(_ place: Int, isPart: Bool, _ visited: inout Set<Visit>, _ found: inout [String]) {
        guard visited.insert(Visit(place: place, isPart: isPart)).inserted else { return }
        let schema = schemas[place]
        let isClosed = schema.additional != nil || schema.forbidsUnevaluated
        if !isPart, !isClosed, !schema.properties.isEmpty || schema.types?.contains("object") == true {
            found.append(schema.pointer)
        }
        let others = schema.allOf + schema.oneOf + schema.anyOf + (schema.reference.map { [$0] } ?? [])
        for other in others { visit(other, isPart: isPart || isClosed, &visited, &found) }
        var children = Array(schema.properties.values) + schema.prefixItems
        if let items = schema.items { children.append(items) }
        if case .schema(let additional)? = schema.additional { children.append(additional) }
        for child in children { visit(child, isPart: false, &visited, &found) }
    }
}

extension SchemaBook {
    /// Every member that a schema describes, and those that it refers to.
    public func describedMembers(from schema: Int) -> Set<SchemaMember> {
        var found: Set<SchemaMember> = []
        var visited: Set<Int> = []
        var left = [schema]
        while let place = left.popLast() {
            guard visited.insert(place).inserted else { continue }
            let schema = schemas[place]
            for name in schema.properties.keys {
                found.insert(SchemaMember(schema: schema.pointer, name: name))
            }
            left += Array(schema.properties.values) + schema.allOf + schema.oneOf + schema.anyOf
            left += schema.prefixItems + [schema.items, schema.reference].compactMap { $0 }
            if case .schema(let additional)? = schema.additional { left.append(additional) }
        }
        return found
    }
}

extension OpenAPIDocument {
    /// Every `enum` and `const` of the document: the pointer of its schema, and its values.
    public var closedSets: [String: [JSONValue]] {
        var found: [String: [JSONValue]] = [:]
        collect(root, "") { pointer, keyword, value in
            switch keyword {
            case "enum": found[pointer] = value.array
            case "const": found[pointer] = [value]
            default: break
            }
        }
        return found
    }

    /// Every bound of the document: the pointer of its keyword, and its value.
    public var bounds: [String: JSONValue] {
        let keywords: Set<String> = [
            "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties",
            "maxProperties",
        ]
        var found: [String: JSONValue] = [:]
        collect(root, "") { pointer, keyword, value in
            if keywords.contains(keyword) { found["\(pointer)/\(keyword)"] = value }
        }
        return found
    }

    /// The defaults that stand beside references, by what is referred to.
    public var defaults: [String: Set<JSONValue>] {
        var found: [String: Set<JSONValue>] = [:]
        collect(root, "") { pointer, keyword, value in
            guard keyword == "default", let place = root.value(at: pointer), place["properties"] == nil,
                let reference = place["$ref"]?.string
            else { return }
            found[reference, default: []].insert(value)
        }
        return found
    }

    private func collect(_ value: JSONValue, _ pointer: String, _ note: (String, String, JSONValue) -> Void) {
        switch value {
        case .object(let members):
            for (name, member) in members where name != "example" && name != "examples" {
                note(pointer, name, member)
                collect(member, "\(pointer)/\(Pointer.escaped(name))", note)
            }
        case .array(let items):
            for (index, item) in items.enumerated() { collect(item, "\(pointer)/\(index)", note) }
        case .null, .bool, .integer, .number, .string: break
        }
    }
}
