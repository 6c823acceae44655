// The service without a server: requests of the command line walk the same way as those of a socket.

import API
import HTTP

struct OfflineService {
    /// The id under which a file's platform is asked about.
    static let uploadedID = "file"

    private let responder: Responder

    init(version: String) { responder = Service(Service.Configuration(version: version)).responder }

    func get(_ target: String) -> Response { ask(.get, target, [], type: nil) }

    func post(_ target: String, _ body: [UInt8]) -> Response {
        ask(.post, target, body, type: MediaType.json)
    }

    /// Uploads a device tree, or whatever else is told apart by its first bytes.
    func upload(_ bytes: [UInt8], id: String = uploadedID) -> Response {
        ask(.post, "/v1/platforms?id=\(RequestTarget.encoded(id))", bytes, type: MediaType.octetStream)
    }

    private func ask(_ method: Method, _ target: String, _ body: [UInt8], type: String?) -> Response {
        let fields = type.map { [HeaderFields.Field("Content-Type", $0)] } ?? []
        let head = RequestHead(
            method: method, rawTarget: Array(target.utf8), headers: HeaderFields(fields), peer: "offline")
        return responder.respond(to: Request(head: head, body: body))
    }
}
