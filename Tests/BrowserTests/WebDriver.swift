// The WebDriver protocol (W3C), spoken directly: JSON over HTTP to chromedriver on loopback. Only the verbs
// that the tests need; an error of the driver is thrown with its own words.

import Foundation
import TestSupport

struct WebDriver {
    struct Failure: Error, CustomStringConvertible {
        var command: String
        var message: String
        var description: String { "\(command): \(message)" }
    }

    /// The member under which WebDriver names an element.
    static let elementKey = "element-6066-11e4-a52e-4f735466cecf"

    let port: UInt16

    /// Sends one command and gives the answer's `value`.
    @discardableResult
    func send(_ method: String, _ path: String, _ body: [String: Any]? = nil) throws -> Any {
        let payload = try body.map { [UInt8](try JSONSerialization.data(withJSONObject: $0)) } ?? []
        let client = try RawClient(.tcp(port), timeoutSeconds: 60)
        try client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(payload.count)\r\n\r\n")
        try client.send(payload)
        guard let answer = try client.read() else {
            throw Failure(command: path, message: "no answer from chromedriver")
        }
        let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] ?? [:]
        let value = object["value"] ?? NSNull()
        guard answer.status == 200 else {
            let message = (value as? [String: Any])?["message"] as? String ?? answer.text
            throw Failure(command: "\(method) \(path)", message: message)
        }
        return value
    }
}
