// Hosts of placements and agreements in a shell: kernels of all of them and of single ones, hosts that are
// described by a file, and hosts that leave.

import Foundation
import TestSupport
import Testing

@Suite struct AgreeHostTests {
    private static let nested = ["--vmm", "qemu-virt", "--ram", "1G", "--viommu", "nested_smmuv3"]

    private func json(_ run: Command) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run)")
    }

    private func mechanism(_ answer: [String: Any]) -> String? {
        (answer["mechanism"] as? [String: Any])?["kind"] as? String
    }

    /// One for all hosts, and another of one host, by its name.
    @Test func kernelsOfHosts() throws {
        let folder = try Folder()
        let one = try folder.file("one.json", AgreeCommandTests.machine())
        let two = try folder.file("two.json", AgreeCommandTests.machine())
        for (kernels, kind, own) in [
            (["--kernel", "6.1"], "none", [nil, nil]), (["--kernel", "6.18"], "guest_rmr", [nil, nil]),
            (["--kernel", "6.18", "--kernel", "\(two)=6.1"], "none", [nil, "6.1"]),
            (
                ["--kernel", "6.1", "--kernel", "\(one)=6.16", "--kernel", "\(two)=6.18.3"], "guest_rmr",
                ["6.16", "6.18.3"]
            ),
            ([], "guest_rmr", [nil, nil]),
        ] as [([String], String, [String?])] {
            let hosts = ["--host", one, "--host", two]
            let run = try Command(["place"] + Self.nested + hosts + kernels + ["--json"])
            let answer = try json(run)
            #expect(mechanism(answer) == kind, "\(kernels): \(run)")
            let told = (answer["per_host"] as? [[String: Any]])?.map { $0["kernel"] as? String }
            #expect(told == own, "\(kernels): \(run)")
            let proposal = try Command(["agree", "propose"] + Self.nested + hosts + kernels)
            #expect(proposal.status == (kind == "none" ? 3 : 0), "\(proposal)")
        }
        let text = try Command(
            ["place", "--vmm", "qemu-virt", "--ram", "1G", "--page-size", "plain=64K", "--doorbells", "2"])
        #expect(text.output.contains("plain: default_works, 0x8000000, pages of 0x10000"), "\(text)")
    }

    @Test(arguments: [
        (["--kernel", "other=6.1"], "no host is called so; there is plain"),
        (["--kernel", "6.1", "--kernel", "6.2"], "one is given already"),
        (["--kernel", "plain=x"], "names no Linux release"), (["--page-size", "5"], "page_size"),
    ])
    func mistakes(flags: [String], words: String) throws {
        for command in [["place"], ["agree", "propose"]] {
            let run = try Command(command + Self.nested + flags)
            #expect(run.status == 64 && run.output.isEmpty, "\(run)")
            #expect(run.errors.contains(words) || run.errors.contains(flags[0]), "\(run)")
        }
    }

    /// Any kind of host, as its file describes it; and one that leaves.
    @Test func hostsOfFiles() throws {
        let folder = try Folder()
        let server = try RunningServer(AgreeCommandTests.quiet)
        func agree(_ arguments: String...) throws -> Command {
            try Command(["agree"] + arguments + ["--server", "http://127.0.0.1:\(server.port)"])
        }
        #expect(
            try agree(
                "propose", "--id", "vm", "--vmm", "qemu-virt", "--ram", "1G", "--platform",
                "example-qemu-virt", "--doorbells", "2"
            ).status == 0)
        let free = try folder.file("free.json", #"{"host":{"name":"free","reserved_regions":[]}}"#)
        let taken = try folder.file(
            "taken.json",
            #"{"host":{"name":"taken","reserved_regions":[{"start":"0x8000000","size":"0x1000"}]}}"#)
        #expect(try agree("check", "vm", free).status == 0)
        let refused = try agree("check", "vm", taken)
        #expect(refused.status == 4 && refused.output.contains("taken does not keep"), "\(refused)")
        #expect(try agree("add", "vm", taken).status == 4)
        #expect(try agree("add", "vm", free).status == 0)
        let pages = try agree(
            "add", "vm", "--platform", "example-qemu-virt", "--page-size", "64K", "--kernel", "6.12")
        #expect(pages.status == 64, "the name is taken: \(pages)")
        let other = try folder.file(
            "large.json",
            #"{"host":{"name":"large","reserved_regions":[],"page_size":"64K","kernel":"6.12"}}"#)
        let large = try agree("add", "vm", other)
        #expect(large.status == 0 && large.output.contains("pages of different sizes"), "\(large)")
        #expect(
            large.output.contains(
                "large: default_works, Linux 6.12, pages of 0x10000, doorbells 0x8000000, 0x8010000"),
            "\(large)")
        let left = try agree("remove", "vm", "large")
        #expect(left.status == 0 && !left.output.contains("large"), "\(left)")
        #expect(try agree("remove", "vm", "free").status == 0)
        let last = try agree("remove", "vm", "example-qemu-virt")
        #expect(last.status == 1 && last.errors.contains("the only host"), "\(last)")
        let both = try agree("check", "vm", free, "--kernel", "6.1")
        #expect(both.status == 64 && both.errors.contains("leave out --kernel"), "\(both)")
        let alone = try agree("check", "vm", "--kernel", "6.1")
        #expect(alone.status == 64 && alone.errors.contains("--kernel needs --platform"), "\(alone)")
    }

    /// A promise that one host breaks holds without it, and what is pasted says so while it is broken.
    @Test func withoutTheOneThatBreaksIt() throws {
        let tests = AgreeCommandTests()
        let server = try RunningServer(AgreeCommandTests.quiet)
        for id in ["a", "b"] { try tests.put(id, AgreeCommandTests.machine(), server) }
        #expect(try tests.propose(server, ["--id", "vm", "--platform", "a", "--platform", "b"]).status == 0)
        try tests.put("b", AgreeCommandTests.machine(reserving: "0x8000000"), server)
        let text = try tests.agree(server, "show", "vm", "--format", "openvmm")
        #expect(text.status == 4, "\(text)")
        #expect(text.lines.first?.hasPrefix("# This agreement is broken since 20") == true, "\(text)")
        let left = try tests.agree(server, "remove", "vm", "b")
        #expect(left.status == 0 && left.output.contains("holds"), "\(left)")
        let whole = try tests.agree(server, "show", "vm", "--format", "openvmm")
        #expect(whole.status == 0 && !whole.output.contains("This agreement"), "\(whole)")
    }
}
