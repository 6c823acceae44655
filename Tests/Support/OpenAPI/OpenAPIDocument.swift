// An OpenAPI 3.1 document as tests need it: operations with their parameters, bodies and answers, references
// resolved. A member that is not read here is an error, so that nothing of the document goes unchecked.

import Foundation
import TestSupport

/// A document, read whole.
public struct OpenAPIDocument: Sendable {
    public let root: JSONValue
    public private(set) var operations: [PublishedOperation] = []
    public private(set) var book: SchemaBook

    public init(yaml text: String) throws {
        root = try JSONValue(yaml: text)
        book = SchemaBook(root)
        try Self.check(
            root, "",
            [
                "openapi", "info", "servers", "security", "paths", "components", "tags",
            ])
        let paths = root["paths"]?.object ?? [:]
        for path in paths.keys.sorted() {
            let pointer = "/paths/\(Pointer.escaped(path))"
            let methods = Set((paths[path]?.object ?? [:]).keys).subtracting(["parameters"])
            for method in methods.sorted() {
                guard ["get", "put", "post", "patch", "delete"].contains(method) else {
                    throw DocumentFault("\(pointer)/\(method)", "no method")
                }
                operations.append(try operation(method, path, pointer))
            }
        }
        try readComponents()
    }

    /// Schemas that nothing refers to are read too.
    private mutating func readComponents() throws {
        let components = root["components"]?.object ?? [:]
        for (kind, entries) in components.sorted(by: { $0.key < $1.key }) {
            for name in (entries.object ?? [:]).keys.sorted() {
                let pointer = "/components/\(kind)/\(name)"
                switch kind {
                case "schemas": _ = try book.compile(at: pointer)
                case "parameters": _ = try parameter(at: pointer)
                case "responses": _ = try response(at: pointer)
                case "requestBodies": _ = try requestBody(at: pointer)
                case "headers": _ = try header(at: pointer)
                case "securitySchemes": break
                default: throw DocumentFault(pointer, "a kind of component that is not read")
                }
            }
        }
    }

    static func check(_ value: JSONValue, _ pointer: String, _ known: Set<String>) throws {
        guard let members = value.object else { throw DocumentFault(pointer, "no object") }
        if let stranger = members.keys.first(where: { !known.contains($0) }) {
            throw DocumentFault("\(pointer)/\(Pointer.escaped(stranger))", "a member that is not read")
        }
    }

    /// The pointer of what stands at a pointer, after its references are followed.
    func resolved(_ pointer: String) throws -> (pointer: String, value: JSONValue) {
        guard let value = root.value(at: pointer) else { throw DocumentFault(pointer, "nothing is there") }
        guard let reference = value["$ref"] else { return (pointer, value) }
        guard let target = reference.string, target.hasPrefix("#/"), value.object?.count == 1 else {
            throw DocumentFault(pointer, "a reference that is not followed")
        }
        return try resolved(String(target.dropFirst()))
    }

    private mutating func operation(
        _ method: String, _ path: String, _ pathPointer: String
    ) throws -> PublishedOperation {
        let pointer = "\(pathPointer)/\(method)"
        guard let value = root.value(at: pointer) else { throw DocumentFault(pointer, "nothing is there") }
        try Self.check(
            value, pointer,
            [
                "operationId", "summary", "description", "parameters", "requestBody", "responses", "security",
                "tags",
            ])
        guard let id = value["operationId"]?.string else { throw DocumentFault(pointer, "no operationId") }
        var parameters: [PublishedParameter] = []
        for list in ["\(pathPointer)/parameters", "\(pointer)/parameters"] {
            for index in (root.value(at: list)?.array ?? []).indices {
                parameters.append(try parameter(at: "\(list)/\(index)"))
            }
        }
        var responses: [Int: PublishedResponse] = [:]
        for status in (value["responses"]?.object ?? [:]).keys {
            guard let code = Int(status) else { throw DocumentFault(pointer, "status \(status)") }
            responses[code] = try response(at: "\(pointer)/responses/\(status)")
        }
        guard !responses.isEmpty else { throw DocumentFault(pointer, "no answers") }
        return PublishedOperation(
            id: id, method: method.uppercased(), path: path, pointer: pointer, parameters: parameters,
            request: try value["requestBody"].map { _ in try requestBody(at: "\(pointer)/requestBody") },
            responses: responses)
    }

    private mutating func parameter(at given: String) throws -> PublishedParameter {
        let (pointer, value) = try resolved(given)
        try Self.check(value, pointer, ["name", "in", "required", "description", "schema", "example"])
        guard let name = value["name"]?.string, let location = value["in"]?.string,
            ["path", "query", "header"].contains(location)
        else { throw DocumentFault(pointer, "no parameter") }
        return PublishedParameter(
            name: name, location: location, isRequired: value["required"]?.bool ?? false,
            description: value["description"]?.string, example: value["example"],
            schema: try book.compile(at: "\(pointer)/schema"))
    }

    private mutating func requestBody(at given: String) throws -> PublishedRequest {
        let (pointer, value) = try resolved(given)
        try Self.check(value, pointer, ["required", "content", "description"])
        return PublishedRequest(
            isRequired: value["required"]?.bool ?? false, content: try content(at: "\(pointer)/content"))
    }

    private mutating func response(at given: String) throws -> PublishedResponse {
        let (pointer, value) = try resolved(given)
        try Self.check(value, pointer, ["description", "content", "headers", "links"])
        guard value["description"]?.string != nil else { throw DocumentFault(pointer, "no description") }
        for (name, link) in value["links"]?.object ?? [:] {
            try Self.check(link, "\(pointer)/links/\(name)", ["operationId", "parameters"])
        }
        var headers: [String: PublishedHeader] = [:]
        for name in (value["headers"]?.object ?? [:]).keys {
            headers[name.lowercased()] = try header(at: "\(pointer)/headers/\(Pointer.escaped(name))")
        }
        return PublishedResponse(
            pointer: pointer, headers: headers,
            content: try value["content"].map { _ in try content(at: "\(pointer)/content") } ?? [:])
    }

    private mutating func header(at given: String) throws -> PublishedHeader {
        let (pointer, value) = try resolved(given)
        try Self.check(value, pointer, ["description", "required", "schema"])
        return PublishedHeader(
            isRequired: value["required"]?.bool ?? false, schema: try book.compile(at: "\(pointer)/schema"))
    }

    private mutating func content(at pointer: String) throws -> [String: PublishedMedia] {
        guard let types = root.value(at: pointer)?.object, !types.isEmpty else {
            throw DocumentFault(pointer, "no media type")
        }
        var content: [String: PublishedMedia] = [:]
        for type in types.keys { content[type] = try media("\(pointer)/\(Pointer.escaped(type))") }
        return content
    }

    private mutating func media(_ pointer: String) throws -> PublishedMedia {
        guard let value = root.value(at: pointer) else { throw DocumentFault(pointer, "nothing is there") }
        try Self.check(value, pointer, ["schema", "example", "examples"])
        var examples: [String: JSONValue] = [:]
        if let example = value["example"] { examples[""] = example }
        for (name, example) in value["examples"]?.object ?? [:] {
            try Self.check(
                example, "\(pointer)/examples/\(name)", ["summary", "value", "externalValue"])
            // A file of the reader's own machine, or the answer of the server that the document comes from.
            let external = example["externalValue"]?.string ?? ""
            guard example["value"] != nil || external.hasPrefix("file:") || external.hasPrefix("/") else {
                throw DocumentFault("\(pointer)/examples/\(name)", "an example without a value")
            }
            examples[name] = example["value"]
        }
        return PublishedMedia(
            schema: try value["schema"].map { _ in try book.compile(at: "\(pointer)/schema") },
            examples: examples)
    }
}

/// One operation of the document.
public struct PublishedOperation: Sendable {
    public let id: String
    /// In capitals.
    public let method: String
    public let path: String
    public let pointer: String
    /// Those of the path as well.
    public let parameters: [PublishedParameter]
    public let request: PublishedRequest?
    public let responses: [Int: PublishedResponse]

    /// Names of the path's variables, in order.
    public var pathVariables: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    public func parameters(in location: String) -> [PublishedParameter] {
        parameters.filter { $0.location == location }
    }
}

public struct PublishedParameter: Sendable {
    public let name: String
    /// path, query or header.
    public let location: String
    public let isRequired: Bool
    public let description: String?
    public let example: JSONValue?
    public let schema: Int
}

public struct PublishedRequest: Sendable {
    public let isRequired: Bool
    public let content: [String: PublishedMedia]
}

public struct PublishedResponse: Sendable {
    public let pointer: String
    /// By their names in small letters.
    public let headers: [String: PublishedHeader]
    public let content: [String: PublishedMedia]
}

public struct PublishedHeader: Sendable {
    public let isRequired: Bool
    public let schema: Int
}

public struct PublishedMedia: Sendable {
    public let schema: Int?
    /// By name; the empty name is the only example's. Examples that are files of the reader's machine are
    /// left out.
    public let examples: [String: JSONValue]
}

// The repository's own openapi.yaml, read once for all tests of a process.

extension OpenAPIDocument {
    /// openapi.yaml; a test run without it makes no sense, so it traps where it cannot be read.
    public static let published: OpenAPIDocument = {
        let file = SharedShelf.packageRoot.appendingPathComponent("openapi.yaml")
        do {
            return try OpenAPIDocument(yaml: String(contentsOf: file, encoding: .utf8))
        } catch {
            fatalError("openapi.yaml cannot be read: \(error)")
        }
    }()
}
