// The worked dialogue of an agreement in a shell: `iovad agree` against a server of its own, with the
// statuses that scripts ask, and a watch that a restart of the server does not end.

import Foundation
import TestSupport
import Testing

@Suite struct AgreeCommandTests {
    private static let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]
    private static let options = ["--capability", "iommufd_sw_msi_options"]
    private static let guest = ["--vmm", "openvmm-linux", "--ram", "2G"]

    /// A machine with one device, which may reserve a window.
    private static func machine(reserving start: String? = nil) -> String {
        let region = start.map { #"{"start":"\#($0)","size":"0x100000","type":"reserved"}"# } ?? ""
        return
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""active":true,"reserved_regions":[\#(region)]}]}"#
    }

    private func agree(_ server: RunningServer, _ arguments: String...) throws -> Command {
        try Command(["agree"] + arguments + ["--server", "http://127.0.0.1:\(server.port)"])
    }

    private func propose(_ server: RunningServer, _ arguments: [String]) throws -> Command {
        try Command(
            ["agree", "propose"] + Self.guest + arguments + ["--server", "http://127.0.0.1:\(server.port)"])
    }

    private func put(_ id: String, _ body: String, _ server: RunningServer) throws {
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
