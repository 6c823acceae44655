// Streams and deadlines over TLS, with curl and openssl as clients.

import Foundation
import HTTP
import Locking
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct TLSTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("iovad-test-\(UUID().uuidString)")

    private func credentials() throws -> TLSIdentity {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = ["key.pem", "cert.pem"].map { folder.appendingPathComponent($0) }
        defer { try? FileManager.default.removeItem(at: folder) }
        let made = try run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", files[0].path, "-out", files[1].path, "-days", "2", "-subj", "/CN=localhost")
        #expect(made.status == 0)
        let bytes = try files.map { Array(try Data(contentsOf: $0)) }
        return try TLSIdentity(TLSCredentials(certificate: bytes[1], key: bytes[0]))
    }

    @Test func streamsRestAndWake() throws {
        let source = ScriptedSource(farewell: [.bytes(Array("bye".utf8)), .end])
        let server = try TestServer(
            responder: streaming { _ in Response(status: 200, body: [0x3e], stream: source) },
            tls: try credentials())
        let port = try #require(server.daemon.listener.port)
        let daemon = server.daemon
        let output = Locked("")
        inParallel(2) { thread in
            if thread == 0 {
                let said = try? run("curl", "-skN", "--max-time", "20", "https://127.0.0.1:\(port)/stream")
                output.withLock { $0 = said.map { "\($0.status) \($0.output)" } ?? "" }
                return
            }
            for number in 1...20 {
                guard source.waitForRests(number) else { return }
                source.add(" \(number)")
            }
            guard source.waitForRests(21) else { return }
            // More than one TLS record and than the socket takes at once.
            source.add(.bytes([UInt8](repeating: 0x78, count: StreamPiece.bytesMax)))
            guard source.waitForRests(22) else { return }
            daemon.drain(graceSeconds: 5)
        }
        let expected =
            "0 >" + (1...20).map { " \($0)" }.joined() + String(repeating: "x", count: StreamPiece.bytesMax)
            + "bye"
        let isWhole = output.withLock { $0 } == expected
        #expect(isWhole)
        #expect(source.ending == [.complete])
    }

    @Test func aSlowClientGetsNoPlainText() throws {
        let server = try TestServer(tls: try credentials()) {
            $0.wholeRequestSeconds = 1
            $0.idleOrRequestLineSeconds = 1
        }
        let port = try #require(server.daemon.listener.port)
        // A handshake that never begins, and a request that never ends: both are closed in silence.
        let silent = try server.client()
        #expect(try silent.readToEnd() == "")
        let half = try run(
            "sh", "-c",
            "(printf 'POST /echo HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: 9\\r\\n\\r\\n'; sleep 3) | "
                + "openssl s_client -quiet -connect 127.0.0.1:\(port) 2>/dev/null")
        #expect(half.output == "")
        #expect(server.settles())
    }
}
