// openapi.yaml, read once, and what every exchange of the service tests is held against it with.

import Foundation
import HTTPMessages
import OpenAPI
import TestSupport
import Testing

enum Contract {
    static let document: OpenAPIDocument = {
        let file = SharedShelf.packageRoot.appendingPathComponent("openapi.yaml")
        do {
            return try OpenAPIDocument(yaml: String(contentsOf: file, encoding: .utf8))
        } catch {
            fatalError("openapi.yaml cannot be read: \(error)")
        }
    }()

    /// Records what the document does not allow of an exchange. A stream's text is held by `holdEvents` or
    /// once more when it is read to its end.
    static func hold(
        _ response: Response, of method: HTTPMessages.Method, _ target: String, _ body: [UInt8],
        type: String?
    ) {
        var headers: [String: String] = [:]
        for field in response.headers.fields { headers[field.name.lowercased()] = field.value }
        let faults = document.faults(
            of: Exchange(
                method: method.name, target: target, requestType: type, request: body,
                status: response.status, responseHeaders: headers, response: response.body))
        for fault in faults { Issue.record("openapi.yaml: \(fault)") }
    }

    /// Records what the document does not allow of an event stream's text.
    static func holdEvents(_ text: String) {
        for fault in document.eventFaults(text) { Issue.record("openapi.yaml: \(fault)") }
    }
}
