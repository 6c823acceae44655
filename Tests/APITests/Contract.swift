// What every exchange of the service tests is held against openapi.yaml with.

import HTTP
import OpenAPI
import Testing

enum Contract {
    static var document: OpenAPIDocument { .published }

    /// The request and its answer as they go over the wire.
    static func exchange(
        _ method: HTTP.Method, _ target: String, _ body: [UInt8], type: String?,
        _ response: Response
    ) -> Exchange {
        var headers: [String: String] = [:]
        for field in response.headers.fields { headers[field.name.lowercased()] = field.value }
        return Exchange(
            method: method.name, target: target, requestType: type, request: body, status: response.status,
            responseHeaders: headers, response: response.body)
    }

    /// Records what the document does not allow of an exchange. A stream's text comes later: `holdEvents`.
    static func hold(_ exchange: Exchange) {
        for fault in document.faults(of: exchange) { Issue.record("openapi.yaml: \(fault)") }
    }

    /// Records what the document does not allow of an event stream's text.
    static func holdEvents(_ text: String) {
        for fault in document.eventFaults(text) { Issue.record("openapi.yaml: \(fault)") }
    }
}
