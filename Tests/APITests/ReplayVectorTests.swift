// Every listed vector of the shelf as a request: files are bodies as they are. The answers are compared
// by a reader of their own (Foundation's), not by the code that wrote them.

import API
import Foundation
import HTTP
import MicroHTTP
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct ReplayVectorTests {
    static let folder = "data/allocator-vectors"
    static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter { $0.hasSuffix(".json") && !$0.hasPrefix("p-digest") }
    }

    @Test(arguments: names)
    func vectorAgrees(name: String) throws {
        let file = SharedShelf.bytes("\(Self.folder)/\(name)")
        let vector = try #require(
            try JSONSerialization.jsonObject(with: Data(file)) as? [String: Any])
        let answer = ServiceClient().ask(.post, "/v1/replays", file, type: "application/json")
        #expect(answer.status == 200, "\(answer.text.prefix(400))")
        let results = try #require(answer.json["results"] as? [Any])
        let ops = try #require(vector["ops"] as? [[String: Any]])
        #expect(results.count == ops.count)
        for (index, op) in ops.enumerated() {
            let expected = op["expect"] as? NSObject ?? NSNull()
            let got = results[index] as? NSObject
            guard got != expected else { continue }
            Issue.record("operation \(index): expected \(expected), got \(String(describing: got))")
            return
        }
        #expect(answer.json["final"] as? NSArray == vector["final"] as? NSArray)
    }

    /// The longest vector as bytes on a connection, in both forms of a socket.
    @Test(arguments: [true, false])
    func overASocket(isTCP: Bool) throws {
        let name = try #require(
            Self.names.max { left, right in
                SharedShelf.bytes("\(Self.folder)/\(left)").count
                    < SharedShelf.bytes("\(Self.folder)/\(right)").count
            })
        let file = SharedShelf.bytes("\(Self.folder)/\(name)")
        let path = "/tmp/iovad-test-replay-\(getpid()).sock"
        let listener: ListenSocket = isTCP ? try .tcp(host: "127.0.0.1", port: 0) : try .unix(path: path)
        let endpoint: RawClient.Endpoint = listener.port.map { .tcp($0) } ?? .unix(path)
        let service = Service(Service.Configuration(version: "test"))
        let daemon = try Daemon(listener: listener, responder: service.responder)
        defer { Daemon.drain([daemon], graceSeconds: 1) }
        let client = try RawClient(endpoint)
        try client.send(
            "POST /v1/replays HTTP/1.1\r\nHost: x\r\nContent-Type: "
                + "application/json\r\nContent-Length: \(file.count)\r\n\r\n"
        )
        try client.send(file)
        let answer = try #require(try client.read())
        let inProcess = ServiceClient().ask(.post, "/v1/replays", file, type: "application/json")
        #expect(answer.status == 200)
        #expect(answer.body == inProcess.response.body)
    }
}
