// Asks the service in process, as the server would: admission first, then the answer. Every exchange is
// held against openapi.yaml on its way.

import API
import Foundation
import HTTP
import OpenAPI
import Storage

struct ServiceClient {
    let service: Service
    var answers: [String: Any] = [:]
    /// The client's address, for what is counted by client.
    var peer = "test"

    init(_ configuration: Service.Configuration = Service.Configuration(version: "test")) {
        var configuration = configuration
        // So that every test of the service can also be run on a service with a store.
        if ProcessInfo.processInfo.environment["IOVAD_TEST_STORAGE"] != nil, configuration.storage == nil {
            let shared = ProcessInfo.processInfo.environment["IOVAD_TEST_STORAGE"] == "shared"
            configuration.storage = MemoryStorage(isShared: shared, now: configuration.wallClock)
        }
        service = Service(configuration)
    }

    /// The same service, for another thread.
    init(service: Service) { self.service = service }

    struct Answer {
        var response: Response
        /// What went over the wire.
        var exchange: Exchange
        var status: Int { response.status }
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(response.body))) as? [String: Any] ?? [:]
        }
        var text: String { String(decoding: response.body, as: UTF8.self) }

        /// Pointers of the problem's errors.
        var pointers: [String] {
            (json["errors"] as? [[String: Any]] ?? []).map { $0["pointer"] as? String ?? "" }
        }

        /// With the whole of a stream that ends as its body, and the pieces that it came in.
        func drained() -> (answer: Answer, pieces: Int) {
            var drained = self
            var pieces = 0
            while let piece = response.stream?.next(), piece != .end, piece != .nothingYet {
                guard case .bytes(let bytes) = piece else {
                    response.stream?.compute(Work())
                    continue
                }
                drained.response.body += bytes
                pieces += 1
            }
            drained.exchange.response = drained.response.body
            Contract.hold(drained.exchange)
            return (drained, pieces)
        }

        func object(_ key: String) -> [String: Any] { json[key] as? [String: Any] ?? [:] }
        func list(_ key: String) -> [[String: Any]] { json[key] as? [[String: Any]] ?? [] }
    }

    func ask(
        _ method: Method, _ target: String, _ body: [UInt8] = [], type: String? = nil,
        headers: [HeaderFields.Field] = []
    ) -> Answer {
        let response = respond(method, target, body, type: type, headers: headers)
        let exchange = Contract.exchange(method, target, body, type: type, response)
        // A document that comes in pieces is held when it is drained.
        let isInPieces = response.stream != nil && response.headers["Content-Type"] == MediaType.json
        if !isInPieces { Contract.hold(exchange) }
        return Answer(response: response, exchange: exchange)
    }

    /// Asks without holding the exchange against anything: for what is asked thousands of times.
    func repeatQuietly(_ method: Method, _ target: String, _ json: String) {
        _ = respond(method, target, Array(json.utf8), type: "application/json", headers: [])
    }

    private func respond(
        _ method: Method, _ target: String, _ body: [UInt8], type: String?, headers: [HeaderFields.Field]
    ) -> Response {
        let fields = headers + (type.map { [.init("Content-Type", $0)] } ?? [])
        let head = RequestHead(
            method: method, rawTarget: Array(target.utf8), headers: HeaderFields(fields), peer: peer)
        return service.responder.respond(to: Request(head: head, body: body))
    }

    func get(_ target: String, headers: [HeaderFields.Field] = []) -> Answer {
        ask(.get, target, headers: headers)
    }

    func post(_ target: String, json: String) -> Answer {
        ask(.post, target, Array(json.utf8), type: "application/json")
    }

    func decide(_ json: String) -> Answer { post("/v1/decisions", json: json) }
}
