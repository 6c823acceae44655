// The worked dialogue of an agreement in a shell: `iovad agree` against a server of its own, with the
// statuses that scripts ask, and a watch that a restart of the server does not end.

import Foundation
import TestSupport
import Testing

@Suite struct AgreeCommandTests {
    static let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]
    static let options = ["--capability", "iommufd_sw_msi_options"]
    static let guest = ["--vmm", "openvmm-linux", "--ram", "2G"]

    /// A machine with one device, which may reserve a window.
    static func machine(reserving start: String? = nil) -> String {
        let region = start.map { #"{"start":"\#($0)","size":"0x100000","type":"reserved"}"# } ?? ""
        return
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""active":true,"reserved_regions":[\#(region)]}]}"#
    }

    func agree(_ server: RunningServer, _ arguments: String...) throws -> Command {
        try Command(["agree"] + arguments + ["--server", "http://127.0.0.1:\(server.port)"])
    }

    func propose(_ server: RunningServer, _ arguments: [String]) throws -> Command {
        try Command(
            ["agree", "propose"] + Self.guest + arguments + ["--server", "http://127.0.0.1:\(server.port)"])
    }

    func put(_ id: String, _ body: String, _ server: RunningServer) throws {
        let client = try server.client()
        let head = [
            "PUT /v1/platforms/\(id) HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            "Content-Length: \(body.utf8.count)",
        ]
        try client.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        #expect([200, 201].contains(try #require(try client.read()).status))
    }

    @Test func theWorkedDialogue() throws {
        let server = try RunningServer(Self.quiet)
        let hosts = ["--id", "vm-42", "--platform", "example-arm-juno", "--platform", "example-qemu-virt"]
        let refused = try propose(server, hosts)
        #expect(refused.status == 3, "\(refused)")
        #expect(refused.output.contains("example-arm-juno") && refused.errors.hasPrefix("Error: "))
        let dry = try propose(server, hosts + ["--dry-run"])
        #expect(dry.status == 3 && dry.output.contains("possible"), "\(dry)")

        let made = try propose(server, hosts + Self.options)
        #expect(made.status == 0 && made.output.contains("0xc0000000"), "\(made)")
        #expect(try agree(server, "accept", "vm-42").status == 0)
        let again = try agree(server, "accept", "vm-42")
        #expect(again.status == 1 && again.errors.contains("accepted"), "\(again)")

        try put("lab-3", Self.machine(), server)
        #expect(try agree(server, "check", "vm-42", "--platform", "lab-3").status == 0)
        #expect(try agree(server, "add", "vm-42", "--platform", "lab-3").status == 0)
        #expect(try agree(server, "check", "vm-42").status == 0)

        try put("lab-3", Self.machine(reserving: "0xc0000000"), server)
        let broken = try agree(server, "check", "vm-42")
        #expect(broken.status == 4 && broken.output.contains("broken since"), "\(broken)")
        #expect(try agree(server, "check", "vm-42", "--platform", "lab-3").status == 4)
        #expect(try agree(server, "watch", "vm-42", "--until-broken").status == 4)
        try put("lab-4", Self.machine(reserving: "0xc0000000"), server)
        let worse = try agree(server, "add", "vm-42", "--platform", "lab-4")
        #expect(worse.status == 4 && worse.output.contains("0xc0000000"), "\(worse)")

        try put("lab-3", Self.machine(), server)
        #expect(try agree(server, "show", "vm-42").status == 0)
        let list = try agree(server, "list")
        #expect(list.status == 0 && list.lines == ["vm-42  accepted, 0xc0000000...0xc00fffff"], "\(list)")
        // It broke once, and holds now.
        #expect(try agree(server, "renew", "vm-42", "--ttl-seconds", "600").status == 0)
        #expect(try agree(server, "release", "vm-42").status == 0)
        let over = try agree(server, "check", "vm-42")
        #expect(over.status == 3 && !over.output.contains("holds"), "\(over)")
        let watched = try agree(server, "watch", "vm-42")
        let names = watched.lines.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
        #expect(
            watched.status == 0
                && names == [
                    "proposed", "accepted", "host_added", "host_changed", "broken", "host_changed", "holds",
                    "renewed", "released",
                ], "\(watched)")
        #expect(watched.output.contains("renewed for 600 s"))
        // Of what is over there is nothing to wait for.
        #expect(try agree(server, "watch", "vm-42", "--after", "99").status == 0)
        #expect(try agree(server, "withdraw", "vm-42").status == 0)
        #expect(try agree(server, "watch", "vm-42").status == 1)
    }

    /// What is pasted is that of the promise.
    @Test func renderings() throws {
        let server = try RunningServer(Self.quiet)
        #expect(
            try propose(
                server, ["--id", "vm", "--platform", "example-qemu-virt"] + Self.options
            ).status == 0)
        let text = try agree(server, "show", "vm", "--format", "openvmm")
        #expect(text.status == 0 && text.output.contains("0x"), "\(text)")
        // A text has the agreement's tag, and is not sent again.
        let target = "/v1/agreements/vm?format=kubernetes"
        let tag = try #require(try server.get(target)?.header("etag"))
        #expect(try server.get("/v1/agreements/vm")?.header("etag") == tag)
        #expect(try server.get(target, ["If-None-Match: \(tag)"])?.status == 304)
        let other = try agree(server, "show", "vm", "--format", "firecracker")
        #expect(other.status == 1 && other.errors.hasPrefix("Error: --format firecracker: "), "\(other)")
        let answer = try agree(server, "show", "vm", "--json")
        #expect(answer.status == 0 && answer.output.hasPrefix("{\"id\":\"vm\""), "\(answer)")
    }

    @Test func offline() throws {
        let folder = try Folder()
        let file = try folder.file("host.json", Self.machine())
        let possible = try Command(
            ["agree", "propose", "--vmm", "qemu-virt", "--ram", "4G", "--host", file])
        #expect(possible.status == 0 && possible.output.contains("0x8000000...0x80fffff"), "\(possible)")
        let blocked = try folder.file("blocked.json", Self.machine(reserving: "0x8000000"))
        let refused = try Command(
            ["agree", "propose", "--vmm", "qemu-virt", "--ram", "4G", "--host", blocked])
        #expect(refused.status == 3 && refused.output.contains("blocks the window"), "\(refused)")
    }

    /// Each is told which flag is wrong, or what the server is.
    @Test(arguments: [
        (["accept", "vm"], 64, "--server"),
        (["accept", "vm", "--server", "localhost:1"], 64, "--server localhost:1"),
        (["accept", "vm", "--server", "http://127.0.0.1:1"], 1, "cannot be reached"),
        (["propose", "--vmm", "qemu-virt", "--ram", "4G", "--pool", "a"], 64, "--pool"),
        (
            [
                "propose", "--vmm", "qemu-virt", "--ram", "4G", "--host", "x.dtb", "--server",
                "http://127.0.0.1:1",
            ],
            64, "--platform"
        ),
        (["add", "vm", "--server", "http://127.0.0.1:1"], 64, "--platform"),
        (["propose", "--vmm", "qemu-virt", "--ram", "4G", "--id", "a"], 64, "--id needs --server"),
        (
            ["accept", "vm", "--server", "http://127.0.0.1:1", "--token-file", "/nonexistent"], 1,
            "--token-file"
        ),
    ])
    func mistakes(arguments: [String], status: Int32, words: String) throws {
        let run = try Command(["agree"] + arguments)
        #expect(run.status == status && run.errors.contains(words), "\(run)")
    }

    /// Who is asked, and as whom, where no flag says it.
    @Test func variables() throws {
        let folder = try Folder()
        let secret = "secret-of-this-test"
        let server = try RunningServer(Self.quiet + ["--token-file", folder.file("token", secret + "\n")])
        // No proxy reaches a server of this machine.
        let base = [
            "IOVAD_SERVER": "http://127.0.0.1:\(server.port)", "http_proxy": "http://127.0.0.1:1",
        ]
        func list(_ token: String, _ arguments: String...) throws -> Command {
            try Command(
                ["agree", "list"] + arguments, environment: base.merging(["IOVAD_TOKEN": token]) { $1 })
        }
        let right = try list(secret)
        #expect(right.status == 0 && right.output.isEmpty, "\(right)")
        #expect(try list("another-token-of-this-test").status == 1)
        for token in ["", "two words", secret + "\n", "\u{fc}"] {
            let run = try list(token)
            #expect(run.status == 64 && run.errors.hasPrefix("Error: IOVAD_TOKEN is no token"), "\(run)")
        }
        let file = try folder.file("lines", "me read,write \(secret)\n")
        let run = try list(secret, "--token-file", file)
        #expect(run.status == 64 && run.errors.contains("first line is no token"), "\(run)")
        #expect(try list("", "--token-file", folder.file("bare", secret)).status == 0)
    }

    /// Who reads the screen or a log does not learn it.
    @Test func aPasswordIsNotShown() throws {
        for url in ["http://me:hunter2@127.0.0.1:1", "ftp://me:hunter2@a"] {
            let flag = try Command(["agree", "list", "--server", url])
            let variable = try Command(["agree", "list"], environment: ["IOVAD_SERVER": url])
            for run in [flag, variable] {
                #expect(run.status == 64 && run.errors.contains("without a name and a password"), "\(run)")
                #expect(!run.errors.contains("hunter2"), "\(run)")
            }
        }
    }

    /// What was not sent, the server has not done.
    @Test func beforeAnythingIsSent() throws {
        let server = try RunningServer(Self.quiet)
        let folder = try Folder()
        let noCertificates = try folder.file("empty.pem", "")
        let secure = "https://127.0.0.1:\(server.port)"
        for arguments in [["--server", secure], ["--server", secure, "--ca-file", noCertificates]] {
            let run = try Command(["agree", "accept", "vm"] + arguments)
            #expect(run.status == 1 && run.errors.contains("cannot be reached"), "\(run)")
            #expect(!run.errors.contains("may have done"), "\(run)")
        }
        let missing = try Command(["agree", "accept", "vm", "--server", secure, "--ca-file", "/nonexistent"])
        #expect(
            missing.status == 1
                && missing.errors == "Error: --ca-file /nonexistent: No such file or directory\n",
            "\(missing)")
    }

    /// A library that cannot be used is skipped, and where none can, each is told.
    @Test func librariesOfCurl() throws {
        let server = try RunningServer(Self.quiet)
        let folder = try Folder()
        let loaded = try TestSupport.run(["ldd", Command.executable.path]).output
        let other = try #require(
            loaded.split(whereSeparator: \.isWhitespace).first { $0.contains("/libz.so") }.map(String.init))
        let names = ["libcurl-gnutls.so.4", "libcurl.so.4"].map { folder.url.appendingPathComponent($0).path }
        func list() throws -> Command {
            try Command(
                ["agree", "list", "--server", "http://127.0.0.1:\(server.port)"],
                environment: ["LD_LIBRARY_PATH": folder.url.path])
        }
        try FileManager.default.createSymbolicLink(atPath: names[0], withDestinationPath: other)
        let second = try list()
        #expect(second.status == 0, "\(second)")
        try FileManager.default.createSymbolicLink(atPath: names[1], withDestinationPath: other)
        let none = try list()
        #expect(none.status == 1 && none.errors.contains("cannot be loaded (Debian: "), "\(none)")
        for name in ["libcurl-gnutls.so.4", "libcurl.so.4"] {
            #expect(none.errors.contains("\(name) has no curl_global_init"), "\(none)")
        }
    }

    /// What comes out of a pipe comes once.
    @Test func tokensFromPipes() throws {
        let folder = try Folder()
        let secret = "secret-of-this-test"
        let server = try RunningServer(Self.quiet + ["--token-file", folder.file("token", secret)])
        let pipe = folder.url.appendingPathComponent("pipe").path
        let flags = ["--server", "http://127.0.0.1:\(server.port)", "--token-file", pipe]
        let host = ["--platform", "example-qemu-virt"]
        #expect(mkfifo(pipe, 0o600) == 0)
        for arguments in [["propose"] + Self.guest + host, ["list"]] {
            let run = try RunningCommand(["agree"] + arguments + flags)
            let end = open(pipe, O_WRONLY)
            #expect(write(end, secret, secret.utf8.count) == secret.utf8.count)
            close(end)
            #expect(run.status() == 0, "\(arguments): \(run.errors)")
        }
    }

    /// A proxy, or another service.
    @Test func somethingElseAnswers() throws {
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p>\n"
        let away = page.replacing("200 OK", with: "502 Bad Gateway")
        let scripted = ScriptedServer([[page], [away], [page]])
        for (verb, status) in [("accept", 200), ("show", 502), ("watch", 200)] {
            let run = try Command(["agree", verb, "vm", "--server", scripted.base])
            #expect(
                run.status == 1
                    && run.errors
                        == "Error: \(scripted.base) has answered \(status), and not as iovad does\n",
                "\(run)")
        }
    }

    @Test func proposals() throws {
        let list = try Command(["agree", "propose", "--vmm", "list"])
        #expect(try list.status == 0 && list.output == Command(["place", "--vmm", "list"]).output, "\(list)")
        let server = try RunningServer(Self.quiet)
        #expect(try agree(server, "propose", "--vmm", "list").output == list.output)
        let folder = try Folder()
        let file = try folder.file("host.json", Self.machine())
        let wrong = try Command(["agree", "propose", file])
        #expect(
            wrong.status == 1
                && wrong.errors.contains("describes a machine, no request of iovad agree propose"),
            "\(wrong)")
        let regions = try propose(server, ["--pool", "a", "--iommu-regions", "[]"])
        #expect(regions.status == 64 && regions.errors.contains("--iommu-regions"), "\(regions)")
    }

    /// The flag that was given, as in every other command.
    @Test func flagsOfAHost() throws {
        let server = try RunningServer(Self.quiet)
        let hosts = ["--id", "vm", "--platform", "example-qemu-virt"]
        #expect(try propose(server, hosts + Self.options).status == 0)
        let device = try agree(
            server, "add", "vm", "--platform", "example-arm-juno", "--device", "nosuch")
        #expect(device.status == 64 && device.errors.hasPrefix("Error: --device: "), "\(device)")
        let twice = try agree(server, "add", "vm", "--platform", "example-qemu-virt")
        #expect(twice.status == 64 && twice.errors.hasPrefix("Error: --platform: "), "\(twice)")
    }

    /// What is pasted is of a promise that does not hold: scripts are told.
    @Test func renderingsOfWhatIsBroken() throws {
        let server = try RunningServer(Self.quiet)
        try put("lab", Self.machine(), server)
        #expect(try propose(server, ["--id", "vm", "--platform", "lab"]).status == 0)
        #expect(try agree(server, "accept", "vm").status == 0)
        let text = try agree(server, "show", "vm", "--format", "openvmm")
        #expect(text.status == 0, "\(text)")
        try put("lab", Self.machine(reserving: "0x8000000"), server)
        let broken = try agree(server, "show", "vm", "--format", "openvmm")
        let mark = broken.lines.first ?? ""
        #expect(broken.status == 4 && broken.lines.dropFirst() == text.lines[...], "\(broken)")
        #expect(mark.hasPrefix("# This agreement is broken since "), "\(mark)")
        #expect(try agree(server, "list").output.contains("accepted, broken, "))
        #expect(try agree(server, "release", "vm").status == 0)
        let list = try agree(server, "list")
        #expect(list.output.contains("released") && !list.output.contains("broken"), "\(list)")
        #expect(try agree(server, "show", "vm", "--format", "openvmm").status == 3)
    }

    @Test func unknownAgreement() throws {
        let server = try RunningServer(Self.quiet)
        for verb in ["accept", "release", "show", "check", "watch"] {
            let run = try agree(server, verb, "nobody")
            #expect(run.status == 1 && run.errors.contains("No agreement \"nobody\""), "\(verb): \(run)")
        }
    }

    @Test func tokens() throws {
        let folder = try Folder()
        let file = try folder.file("token", "secret-of-this-test\n")
        let server = try RunningServer(Self.quiet + ["--token-file", file])
        let arguments = ["--id", "vm", "--platform", "example-qemu-virt"] + Self.options
        #expect(try propose(server, arguments).status == 1)
        #expect(try propose(server, arguments + ["--token-file", file]).status == 0)
    }
}
