// HTTPS, with a certificate made for the test and curl as the client that checks it.

import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TLSCommandTests {
    private let folder: Folder
    private let certificate: String
    private let key: String

    init() throws {
        folder = try Folder()
        (certificate, key) = try Self.certificate(in: folder, "first", algorithm: Self.elliptic)
    }

    private static let elliptic = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

    private static func certificate(
        in folder: Folder, _ name: String, algorithm: [String]
    ) throws -> (certificate: String, key: String) {
        let files = ["cert", "key"].map { folder.url.appendingPathComponent("\(name)-\($0).pem").path }
        let made = try run(
            ["openssl", "req", "-x509", "-newkey"] + algorithm + [
                "-nodes", "-keyout", files[1], "-out", files[0], "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ])
        #expect(made.status == 0, "openssl made no certificate")
        return (files[0], files[1])
    }

    /// Connections that are open stay; new ones get what SIGHUP found, unless it cannot be used.
    @Test func hangUpReplacesTheCertificate() throws {
        let server = try RunningServer(arguments)
        let place = "\(server.places[0])/livez"
        func isVouched(by authority: String) throws -> Bool {
            try run("curl", "-s", "--cacert", authority, place).output == "alive\n"
        }
        func put(_ name: String, over path: String) throws {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.copyItem(atPath: name, toPath: path)
        }
        let (old, oldKey) = (certificate + ".old", key + ".old")
        try FileManager.default.copyItem(atPath: certificate, toPath: old)
        try FileManager.default.copyItem(atPath: key, toPath: oldKey)
        let new = try Self.certificate(in: folder, "second", algorithm: Self.elliptic)
        #expect(try isVouched(by: old))
        try put(new.certificate, over: certificate)
        // The pair does not fit yet.
        server.hangUp(until: "certificate and key stay as they were: ")
        #expect(try isVouched(by: old) && !isVouched(by: new.certificate))
        try put(new.key, over: key)
        server.hangUp(until: "read again: certificate and key")
        #expect(try isVouched(by: new.certificate) && !isVouched(by: old))
        try FileManager.default.removeItem(atPath: key)
        server.hangUp(until: "--tls-key \(key): ")
        #expect(try isVouched(by: new.certificate))
        #expect(server.stop() == 0)
    }

    /// What is recorded now cannot be read by who gets the key later.
    @Test func everyConnectionHasForwardSecrecy() throws {
        let pair = try Self.certificate(in: folder, "rsa", algorithm: ["rsa:2048"])
        let server = try RunningServer([
            "--listen", "127.0.0.1:0", "--log", "none", "--tls-cert", pair.certificate, "--tls-key", pair.key,
        ])
        for (ciphers, isSpoken) in [
            ("AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA:CAMELLIA128-SHA", false),
            ("ECDHE-RSA-AES128-GCM-SHA256", true),
        ] {
            let said = try run(
                "curl", "-s", "--cacert", pair.certificate, "--tls-max", "1.2", "--ciphers", ciphers,
                "\(server.places[0])/livez")
            #expect((said.output == "alive\n") == isSpoken, "\(ciphers)")
            #expect(said.status == (isSpoken ? 0 : 35))
        }
    }

    private var arguments: [String] {
        ["--listen", "127.0.0.1:0", "--log", "none", "--tls-cert", certificate, "--tls-key", key]
    }

    @Test func curlAgrees() throws {
        let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
        let server = try RunningServer(arguments + ["--unix", path], placeCount: 2)
        let place = server.places[0]
        #expect(place.hasPrefix("https://127.0.0.1:"))
        #expect(try run("curl", "-s", "--cacert", certificate, "\(place)/livez").output == "alive\n")
        #expect(try run("curl", "-s", "\(place)/livez").status == 60, "nobody vouches for it")
        // A body larger than one TLS record, both ways over one connection.
        let body = try folder.file(
            "body",
            #"{"granule":"0x1000","start_pfn":"0x1","ops":["#
                + Array(repeating: #"{"op":"alloc","size":1,"limit":"0xfffff","aligned":true}"#, count: 2000)
                .joined(
                    separator: ",") + "]}")
        let replay = try run(
            "curl", "-s", "--cacert", certificate, "-H", "Content-Type: application/json", "--data-binary",
            "@\(body)", "\(place)/v1/replays", "\(place)/v1/replays")
        #expect(replay.output.contains("\"results\":[\"0xfffff\",") && replay.output.utf8.count > 40_000)
        let old = try run(
            "curl", "-s", "--cacert", certificate, "--ciphers", "DEFAULT@SECLEVEL=0", "--tls-max", "1.1",
            "--tlsv1.0", "\(place)/livez")
        #expect(old.status == 35, "TLS 1.1 was spoken")
        // The unix socket stays as it is.
        #expect(try run("curl", "-s", "--unix-socket", path, "http://x/livez").output == "alive\n")
        // Plain text at the TLS port is no request.
        #expect(try server.get("/livez") == nil)
        #expect(server.stop() == 0)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func refusal(_ arguments: [String]) -> String {
            do {
                _ = try RunningServer(["--listen", "127.0.0.1:0"] + arguments)
                return "started"
            } catch let error as RunningServer.DidNotStart {
                return error.errors
            } catch { return "\(error)" }
        }
        #expect(refusal(["--tls-cert", certificate]).contains("give both"))
        #expect(
            refusal(["--tls-cert", certificate, "--tls-key", "/nonexistent"]).contains(
                "--tls-key /nonexistent: No such file or directory"))
        let text = try folder.file("text", "no key")
        #expect(refusal(["--tls-cert", certificate, "--tls-key", text]).contains("no PEM"))
        let broken = try folder.file(
            "broken", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        #expect(
            refusal(["--tls-cert", certificate, "--tls-key", broken]).contains("broken cannot be used: "))
        let other = try Self.certificate(in: folder, "other", algorithm: Self.elliptic)
        #expect(
            refusal(["--tls-cert", certificate, "--tls-key", other.key]).contains("cannot be used: "),
            "the key is another certificate's")
    }
}
