// The real server, as people run it: `iovad serve` with the repository's Public folder on a free loopback
// port.

import Foundation
import TestSupport
import Testing

final class IovadServer {
    private var process: ChildProcess
    private let tokenFile: String?
    let port: UInt16
    var origin: String { "http://127.0.0.1:\(port)" }

    /// `token` is what clients have to send.
    init(token: String? = nil) throws {
        tokenFile = try token.map { token in
            let path = FileManager.default.temporaryDirectory
                .appendingPathComponent("iovad-token-\(UUID().uuidString)").path
            try token.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return path
        }
        process = try Self.start(port: 0, tokenFile)
        port = try process.number(after: "http://127.0.0.1:")
    }

    /// Ends the server and starts another one at the same address.
    func restart() throws {
        process.stop()
        process = try Self.start(port: port, tokenFile)
        _ = try process.number(after: "http://127.0.0.1:")
    }

    func stop() { process.stop() }

    deinit { tokenFile.map { _ = try? FileManager.default.removeItem(atPath: $0) } }

    private static func start(port: UInt16, _ tokenFile: String?) throws -> ChildProcess {
        let folder = SharedShelf.packageRoot
        return try ChildProcess(
            binary,
            [
                "serve", "--listen", "127.0.0.1:\(port)", "--public",
                folder.appendingPathComponent("Public").path, "--log", "none", "--grace-seconds", "2",
                "--no-host",
            ] + (tokenFile.map { ["--token-file", $0] } ?? []), folder: folder)
    }

    /// The binary of the build that the tests belong to.
    private static let binary: String = {
        let ofBundle = CommandLine.arguments.first { $0.contains(".xctest") }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("iovad").path
        }
        let usual = SharedShelf.packageRoot.appendingPathComponent(".build/debug/iovad").path
        return [ofBundle, usual].compactMap { $0 }.first { FileManager.default.isExecutableFile(atPath: $0) }
            ?? usual
    }()

    // MARK: Asking it directly

    struct Answer {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
        }
        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    }

    func ask(
        _ method: String, _ target: String, json: String? = nil, text: String? = nil, headers: [String] = []
    ) throws -> Answer {
        let client = try RawClient(.tcp(port))
        let body = Array((json ?? text ?? "").utf8)
        var lines = [
            "\(method) \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Content-Length: \(body.count)",
        ]
        if json != nil { lines.append("Content-Type: application/json") }
        if text != nil { lines.append("Content-Type: text/plain") }
        lines += headers
        try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        try client.send(body)
        guard let answer = try client.read(isHead: method == "HEAD") else {
            throw ChildProcess.Failure(reason: "no answer to \(method) \(target)")
        }
        return Answer(status: answer.status, headers: answer.headers, body: answer.body)
    }

    /// An agreement that a host keeps, or does not keep; its id.
    func madeAgreement(_ id: String = "vm-of-tests", isBroken: Bool = true) throws -> String {
        try put(LabMachine.json())
        let proposal =
            #"{"id":"\#(id)","hosts":[{"platform":"lab"}],"vm":{"vmm":"qemu-virt","ram":"4G"}}"#
        let made = try ask("POST", "/v1/agreements", json: proposal)
        #expect(made.status == 201, "\(String(decoding: made.body, as: UTF8.self))")
        if isBroken { try put(LabMachine.json(reserving: "0x8000000")) }
        return id
    }

    /// Stores a machine, in place of the one that is there.
    func put(_ machine: String, as id: String = "lab") throws {
        let answer = try ask("PUT", "/v1/platforms/\(id)", json: machine)
        #expect([200, 201].contains(answer.status), "\(String(decoding: answer.body, as: UTF8.self))")
    }

    /// A session with one domain that holds a reservation, a doorbell and an allocation at 0xfffe0000.
    func madeSession() throws -> String {
        let id = try #require(try ask("POST", "/v1/sessions", json: "{}").json["id"] as? String)
        let domains = "/v1/sessions/\(id)/domains"
        let requests = [
            (domains, #"{"id":"d0","consumer":"dma_api"}"#),
            ("\(domains)/d0/reserved-regions", #"{"start":"0x8000000","size":"0x100000"}"#),
            ("\(domains)/d0/doorbells", #"{"physical":"0x8090040"}"#),
            ("\(domains)/d0/iovas", #"{"size":"0x10000","limit":"0xffffffff"}"#),
        ]
        for (path, json) in requests {
            let answer = try ask("POST", path, json: json)
            #expect(answer.status == 201, "\(path): \(String(decoding: answer.body, as: UTF8.self))")
        }
        return id
    }

    /// Whether this build has an operation, such as "POST /v1/sessions".
    func offers(_ operation: String) throws -> Bool {
        let links = try ask("GET", "/v1").json["links"] as? [String: String] ?? [:]
        return links.values.contains(operation)
    }
}
