// The repository's own openapi.yaml, read once for all tests of a process.

import Foundation
import TestSupport

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
