// A request and its answer, held against the document: the operation, the status, the media type, the answer
// against its schema with nothing that is not described, and, where the request was accepted, the request.

import Foundation

/// One request and its answer, as they went over the wire.
public struct Exchange: Sendable {
    public var method: String
    public var target: String
    public var requestType: String?
    public var request: [UInt8]
    public var status: Int
    public var responseType: String?
    public var response: [UInt8]
    /// Names in small letters.
    public var responseHeaders: [String: String]

    public init(
        method: String, target: String, requestType: String?, request: [UInt8], status: Int,
        responseHeaders: [String: String], response: [UInt8]
    ) {
        self.method = method
        self.target = target
        self.requestType = requestType
        self.request = request
        self.status = status
        self.responseType = responseHeaders["content-type"].map(Self.bare)
        self.response = response
        self.responseHeaders = responseHeaders
    }

    /// A media type without its parameters.
    static func bare(_ field: String) -> String {
        field.prefix { $0 != ";" }.lowercased().split(separator: " ").first.map(String.init) ?? ""
    }
}

extension OpenAPIDocument {
    /// Headers that belong to single answers: where one is sent, the document has it.
    static let publishedHeaders = ["etag", "location", "retry-after", "www-authenticate"]
    static let problemType = "application/problem+json"
    static let jsonType = "application/json"

    /// The operation of a request; nil where the document has none.
    public func operation(method: String, target: String) -> PublishedOperation? {
        let wanted = method == "HEAD" ? "GET" : method
        let path = Self.path(of: target)
        // A path with such a segment is another path, or none (RFC 3986, 5.2.4).
        guard !path.contains("."), !path.contains("..") else { return nil }
        let candidates = operations.filter { $0.method == wanted && Self.matches($0.path, path) }
        // Words before variables.
        return candidates.min { $0.pathVariables.count < $1.pathVariables.count }
            ?? operations.first { $0.method == wanted && $0.path == "/{file}" && path.count > 1 }
    }

    static func path(of target: String) -> [Substring] {
        var rest = target.prefix { $0 != "?" }
        if rest.hasPrefix("http://"), let slash = rest.dropFirst(7).firstIndex(of: "/") {
            rest = rest[slash...]
        }
        return rest.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
    }

    private static func matches(_ template: String, _ path: [Substring]) -> Bool {
        let parts = Self.path(of: template)
        return parts.count == path.count
            && zip(parts, path).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
    }

    /// What of the exchange the document does not allow.
    public func faults(of exchange: Exchange) -> [String] {
        if exchange.method == "OPTIONS", exchange.status == 204 { return [] }
        let place = "\(exchange.method) \(exchange.target.prefix(200)) \(exchange.status)"
        guard let operation = operation(method: exchange.method, target: exchange.target) else {
            // Nothing is there, or nothing of this method.
            guard [400, 404, 405, 413].contains(exchange.status) else {
                return ["\(place): an operation that is not in the document"]
            }
            return problemFaults(exchange).map { "\(place): \($0)" }
        }
        var faults = answerFaults(exchange, operation)
        if (200..<300).contains(exchange.status) { faults += requestFaults(exchange, operation) }
        return faults.map { "\(place): \($0)" }
    }

    private func problemFaults(_ exchange: Exchange) -> [String] {
        guard exchange.responseType == Self.problemType else {
            return ["\(exchange.responseType ?? "no type"), not a problem"]
        }
        guard let schema = book.place(of: "/components/schemas/Problem") else { return ["no schema Problem"] }
        return jsonFaults(exchange.response, schema)
    }

    private func answerFaults(_ exchange: Exchange, _ operation: PublishedOperation) -> [String] {
        guard let published = operation.responses[exchange.status] else {
            return ["the status is not published"]
        }
        guard exchange.method != "HEAD" else { return [] }
        var faults = headerFaults(exchange, published)
        guard !published.content.isEmpty else {
            if !exchange.response.isEmpty { faults.append("a body where none is published") }
            return faults
        }
        guard let type = exchange.responseType,
            let media = published.content[type] ?? published.content["*/*"]
        else { return faults + ["the media type \(exchange.responseType ?? "none") is not published"] }
        return faults + bodyFaults(exchange.response, type, media)
    }

    private func headerFaults(_ exchange: Exchange, _ published: PublishedResponse) -> [String] {
        let strangers = Self.publishedHeaders.filter {
            exchange.responseHeaders[$0] != nil && published.headers[$0] == nil
        }
        return strangers.map { "the header \($0) is not published" }
            + published.headers.flatMap { name, header -> [String] in
                guard let value = exchange.responseHeaders[name] else {
                    return header.isRequired ? ["no header \(name)"] : []
                }
                return book.faults(of: text(value, header.schema), against: header.schema).map {
                    "\(name): \($0)"
                }
            }
    }

    /// A body of a media type: one document, or a document a line.
    private func bodyFaults(_ body: [UInt8], _ type: String, _ media: PublishedMedia) -> [String] {
        guard let schema = media.schema else { return [] }
        switch type {
        case Self.jsonType, Self.problemType: return jsonFaults(body, schema)
        case "application/x-ndjson":
            let lines = body.split(separator: 0x0a, omittingEmptySubsequences: false)
            guard lines.last?.isEmpty == true else { return ["a last line without its end"] }
            return lines.dropLast().enumerated().flatMap { number, line in
                jsonFaults(Array(line), schema).map { "line \(number + 1): \($0)" }
            }
        case "text/event-stream": return eventFaults(String(decoding: body, as: UTF8.self))
        default: return []
        }
    }

    private func jsonFaults(_ body: [UInt8], _ schema: Int) -> [String] {
        do {
            let faults = book.faults(of: try JSONValue(parsing: body), against: schema)
            return faults.prefix(8).map(\.description)
        } catch {
            return ["no JSON: \(error)"]
        }
    }

    /// What of an event stream's text the schema StreamEvent does not allow; comments are skipped.
    public func eventFaults(_ text: String) -> [String] {
        guard let schema = book.place(of: "/components/schemas/StreamEvent") else {
            return ["no schema StreamEvent"]
        }
        return text.components(separatedBy: "\n\n").flatMap { block -> [String] in
            var event: [String: JSONValue] = [:]
            for line in block.split(separator: "\n") where !line.hasPrefix(":") {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[1].hasPrefix(" ") else { return ["\(line): no field"] }
                let value = String(parts[1].dropFirst())
                switch parts[0] {
                case "id": event["id"] = Int(value).map { .integer($0) } ?? .string(value)
                case "data": event["data"] = (try? JSONValue(parsing: value)) ?? .string(value)
                case "retry": break
                default: event[String(parts[0])] = .string(value)
                }
            }
            guard !event.isEmpty else { return [] }
            return book.faults(of: .object(event), against: schema).map { "event stream: \($0)" }
        }
    }

    // MARK: Requests

    /// Of a request that was accepted: the document must not be narrower than the code.
    private func requestFaults(_ exchange: Exchange, _ operation: PublishedOperation) -> [String] {
        var faults = queryFaults(exchange.target, operation)
        guard let request = operation.request else {
            return exchange.request.isEmpty ? faults : faults + ["a request body where none is published"]
        }
        let type = exchange.requestType.map(Exchange.bare) ?? ""
        guard let media = request.content[type] else {
            return faults + ["the request's media type \(type) is not published"]
        }
        guard type == Self.jsonType, let schema = media.schema else { return faults }
        do {
            let value = try JSONValue(parsing: exchange.request)
            faults += book.faults(of: value, against: schema).prefix(8).map { "the request: \($0)" }
        } catch {
            // A label that was overruled is said so.
            let answer = String(decoding: exchange.response, as: UTF8.self)
            if !answer.contains("content-type-mismatch") {
                faults.append("the request is not JSON: \(error)")
            }
        }
        return faults
    }

    private func queryFaults(_ target: String, _ operation: PublishedOperation) -> [String] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return target[target.index(after: mark)...].split(separator: "&").flatMap { item -> [String] in
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0]).removingPercentEncoding ?? ""
            let value = (parts.count > 1 ? String(parts[1]) : "").removingPercentEncoding ?? ""
            guard let parameter = operation.parameters(in: "query").first(where: { $0.name == name }) else {
                return ["the query parameter \(name) is not published"]
            }
            return book.faults(of: text(value, parameter.schema), against: parameter.schema)
                .map { "query parameter \(name): \($0)" }
        }
    }

    /// The text of a parameter or header as the value that its schema speaks of.
    private func text(_ text: String, _ schema: Int) -> JSONValue {
        let types = book.types(at: schema)
        if types.contains("integer"), let value = Int(text) { return .integer(value) }
        if types.contains("boolean"), ["true", "false"].contains(text) { return .bool(text == "true") }
        return .string(text)
    }
}

extension SchemaBook {
    /// Types that the schema names, after references and alternatives are followed.
    func types(at place: Int) -> Set<String> {
        let schema = schemas[place]
        let others = schema.oneOf + schema.anyOf + schema.allOf + (schema.reference.map { [$0] } ?? [])
        return others.reduce(schema.types ?? []) { $0.union(types(at: $1)) }
    }
}
