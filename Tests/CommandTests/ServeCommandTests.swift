// `iovad serve` as its users start it: flags, variables, sockets of every kind, and its end.

import Foundation
import MicroHTTP
import TestSupport
import Testing

@Suite(.serialized) struct ServeCommandTests {
    private let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]

    /// Status and messages of a server that must not start.
    private func refusal(_ arguments: [String], _ environment: [String: String] = [:]) -> String {
        do {
            let server = try RunningServer(arguments, environment: environment)
            return "started: \(server.places)"
        } catch let error as RunningServer.DidNotStart {
            return error.status == 0 ? "ended in good order" : error.errors
        } catch { return "\(error)" }
    }

    @Test func filesAreFoundFromAnotherFolder() throws {
        let server = try RunningServer(quiet)
        let page = try #require(try server.get("/"))
        #expect(page.status == 200 && page.text.contains("<title>iovad"))
        let packed = try #require(try server.get("/index.html", ["Accept-Encoding: gzip"]))
        #expect(packed.header("content-encoding") == "gzip" && packed.body.starts(with: [0x1f, 0x8b]))
        #expect(packed.body.count < page.body.count)
        let head = try #require(try server.get("/", method: "HEAD"))
        #expect(head.header("content-length") == "\(page.body.count)")
        #expect(head.header("etag") == page.header("etag"))
        let known = try server.get("/", ["If-None-Match: \(page.header("etag")!)"])
        #expect(known?.status == 304 && known?.body.isEmpty == true)
        #expect(try server.get("/openapi.yaml")?.header("content-type") == "application/yaml; charset=utf-8")
        #expect(server.stop() == 0)
        #expect(server.said.contains("draining") && server.said.hasSuffix("stopped\n"))
    }

    /// Somebody meant IOVAD_TOKEN_FILE, and would get a server that anybody may use.
    @Test func theTokenOfClientsProtectsNothing() throws {
        let refused = refusal(quiet, ["IOVAD_TOKEN": "secret-of-this-test"])
        #expect(refused.contains("IOVAD_TOKEN_FILE"), "\(refused)")
        let folder = try Folder()
        let file = try folder.file("token", "secret-of-this-test")
        let server = try RunningServer(
            quiet, environment: ["IOVAD_TOKEN": "secret-of-this-test", "IOVAD_TOKEN_FILE": file])
        #expect(server.stop() == 0)
    }

    @Test func nothingOutsideTheFolderIsServed() throws {
        let folder = try Folder()
        _ = try folder.file("secret.txt", "secret")
        let files = folder.url.appendingPathComponent("site")
        try FileManager.default.createDirectory(
            at: files.appendingPathComponent("js"), withIntermediateDirectories: true)
        try "1".write(to: files.appendingPathComponent("js/a.js"), atomically: true, encoding: .utf8)
        try "2".write(to: files.appendingPathComponent(".hidden"), atomically: true, encoding: .utf8)
        for (link, target) in [("link.txt", "../secret.txt"), ("up", "..")] {
            try FileManager.default.createSymbolicLink(
                atPath: files.appendingPathComponent(link).path, withDestinationPath: target)
        }
        let server = try RunningServer(quiet + ["--public", files.path])
        #expect(try server.get("/js/a.js")?.text == "1")
        for target in [
            "/../secret.txt", "/%2e%2e/secret.txt", "/js/../../secret.txt", "/..%2fsecret.txt", "/link.txt",
            "/up/secret.txt", "/.hidden", "//etc/passwd", "/js/%2e%2e%2f%2e%2e%2fsecret.txt",
            "/js/..\\..\\secret.txt", "http://h/../secret.txt",
        ] {
            let answer = try #require(try server.get(target))
            #expect((400...404).contains(answer.status) && !answer.text.contains("secret\n"), "\(target)")
        }
        #expect(
            refusal(quiet + ["--public", "/nonexistent"]).contains(
                "--public /nonexistent: No such file or directory"))
    }

    @Test func loopbackUnlessAllowed() throws {
        let open = ["--log", "none", "--listen", "0.0.0.0:0"]
        #expect(refusal(open).contains("other machines can reach"))
        #expect(refusal(["--listen", "[::]:0"]).contains("other machines can reach"))
        let server = try RunningServer(open + ["--insecure"])
        #expect(try server.get("/livez")?.status == 200)
        #expect(refusal(open, ["IOVAD_INSECURE": "perhaps"]).contains("IOVAD_INSECURE must be true or false"))
        let folder = try Folder()
        let token = try folder.file("token", "0123456789abcdef\n")
        #expect(try RunningServer(open + ["--token-file", token]).get("/livez")?.status == 200)
    }

    @Test func flagsCountOverVariables() throws {
        #expect(refusal(quiet, ["IOVAD_LISTENN": "x"]).contains("unknown environment variable IOVAD_LISTENN"))
        let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
        let server = try RunningServer(
            quiet, environment: ["IOVAD_LISTEN": "300.0.0.1:1", "IOVAD_UNIX": path], placeCount: 2)
        #expect(server.places[1] == "unix:\(path)")
        let client = try RawClient(.unix(path))
        try client.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try client.read()?.text == "alive\n")
        #expect(server.stop() == 0 && !FileManager.default.fileExists(atPath: path))
        for (listen, reason) in [
            ("example.org:1", "not a numeric address"), ("127.0.0.1", "expected HOST:PORT"),
            ("::1:80", "needs brackets"), ("127.0.0.1:99999", "expected HOST:PORT"),
        ] {
            #expect(refusal(["--listen", listen]).contains(reason), "\(listen)")
        }
        #expect(refusal(quiet + ["--cors-origin", "example.org/x"]).contains("expected an origin"))
    }

    @Test func versionSix() throws {
        guard let server = try? RunningServer(["--listen", "[::1]:0", "--log", "none"]) else {
            // A container without IPv6: then binding must be what failed.
            #expect(refusal(["--listen", "[::1]:0"]).contains("bind failed"))
            return
        }
        #expect(server.places[0].hasPrefix("http://[::1]:"))
        #expect(try run("curl", "-sg", "\(server.places[0])/livez").output == "alive\n")
    }

    @Test func otherOrigins() throws {
        let server = try RunningServer(quiet + ["--cors-origin", "https://example.org"])
        let fields = ["Origin: https://example.org", "Access-Control-Request-Method: POST"]
        let preflight = try #require(try server.get("/v1/decisions", fields, method: "OPTIONS"))
        #expect(preflight.status == 204)
        #expect(preflight.header("access-control-allow-origin") == "https://example.org")
        #expect(preflight.header("access-control-allow-methods")?.contains("POST") == true)
        #expect(preflight.header("access-control-allow-headers")?.contains("Last-Event-ID") == true)
        let answer = try #require(try server.get("/v1", fields))
        #expect(answer.header("access-control-allow-origin") == "https://example.org")
        #expect(answer.header("vary") == "Origin")
        let missing = try #require(try server.get("/v1/none", fields))
        #expect(missing.status == 404 && missing.header("access-control-allow-origin") != nil)
        #expect(try RunningServer(quiet).get("/v1", fields)?.header("access-control-allow-origin") == nil)
    }

    @Test func socketsFromSystemd() throws {
        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let handle = FileHandle(fileDescriptor: listener.descriptor, closeOnDealloc: true)
        // As sd_listen_fds(3): descriptor 3, and a process id that must be the server's own.
        let start = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve --log none"
        let server = try RunningServer([], shell: start, standardInput: handle)
        #expect(server.places == ["http://127.0.0.1:\(listener.port!)"])
        #expect(try server.get("/livez")?.text == "alive\n")
        #expect(server.stop() == 0)
        // Meant for another process: its own default address is served instead.
        let stranger = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=1 exec \"$0\" serve \"$@\""
        let other = try RunningServer(quiet, shell: stranger, standardInput: handle)
        #expect(other.port != listener.port)
        // Descriptor 3 is no socket.
        let file = "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve"
        #expect(throws: RunningServer.DidNotStart.self) { try RunningServer([], shell: file) }
    }

    @Test func descriptorsForEveryConnection() throws {
        let server = try RunningServer(quiet, shell: "ulimit -S -n 64; exec \"$0\" serve \"$@\"")
        let limits = try String(contentsOfFile: "/proc/\(server.identifier)/limits", encoding: .utf8)
        let words = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open files") })
            .split(separator: " ")
        let (soft, hard) = (try #require(Int(words[3])), Int(words[4]) ?? .max)
        #expect(soft >= min(hard, ServerLimits().maximumConnectionCount))
    }

    @Test func systemdUnits() throws {
        let printed = try Command(["packaging", "systemd", "--binary", "/usr/bin/iovad"])
        #expect(printed.status == 0 && printed.output.contains("ExecStart=/usr/bin/iovad serve\n"))
        #expect(printed.output.contains("ListenStream=127.0.0.1:8080\n"))
        #expect(printed.output.contains("\nMemoryMax="))
        let folder = try Folder()
        let written = try Command([
            "packaging", "systemd", "--write-to", folder.url.path, "--token-file", "/etc/iovad/token",
        ])
        #expect(written.status == 0)
        let files = ["iovad.socket", "iovad.service"].map { folder.url.appendingPathComponent($0).path }
        let service = try String(contentsOfFile: files[1], encoding: .utf8)
        #expect(
            service.contains("LoadCredential=token:/etc/iovad/token\nEnvironment=IOVAD_TOKEN_FILE=%d/token\n")
        )
        // Where systemd is installed, it is the judge.
        if FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze") {
            #expect(try run("systemd-analyze", "verify", files[0], files[1]).status == 0)
        }
        #expect(try Command(["packaging", "systemd", "--listen", "a\nb"]).status != 0)
        // What the server would not start at.
        for listen in ["8080", "foo", "::1:80", "0.0.0.0:80", "[::]:80"] {
            let refused = try Command(["packaging", "systemd", "--listen", listen])
            #expect(
                refused.status == 64 && refused.errors.contains("--listen \(listen): "), "\(refused.errors)")
        }
        for listen in ["localhost:80", "127.0.0.2:80", "[::1]:80", "/run/iovad.sock"] {
            #expect(try Command(["packaging", "systemd", "--listen", listen]).status == 0)
        }
        let open = ["packaging", "systemd", "--listen", "0.0.0.0:80", "--token-file", "/etc/iovad/token"]
        #expect(try Command(open).status == 0)
        #expect(try Command(["packaging", "systemd", "--write-to", "/nonexistent"]).status != 0)
    }
}
