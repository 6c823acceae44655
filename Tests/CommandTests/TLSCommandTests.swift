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
        certificate = folder.url.appendingPathComponent("cert.pem").path
        key = folder.url.appendingPathComponent("key.pem").path
        let made = try run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1")
        #expect(made.status == 0, "openssl made no certificate")
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
        #expect(refusal(["--tls-cert", certificate, "--tls-key", "/nonexistent"]).contains("cannot read"))
        let text = try folder.file("text", "no key")
        #expect(refusal(["--tls-cert", certificate, "--tls-key", text]).contains("no PEM"))
        let broken = try folder.file(
            "broken", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        #expect(
            refusal(["--tls-cert", certificate, "--tls-key", broken]).contains("libmicrohttpd did not start"))
    }
}
