// What the command says of words that it does not understand: the word, what it was taken for, and what to
// write instead, in terms of flags, files and members.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct CommandWordsTests {
    private func run(_ words: [String], input: String = "", in tree: FileTree? = nil) throws
        -> DecideTests.Run
    {
        try DecideTests.run(Array(words.dropFirst()), input: input, command: words[0], folder: tree?.folder)
    }

    @Test(arguments: [
        (["--ram", "-1"], ["--ram=-1"]), (["a", "-1"], ["a", "-1"]), (["--json", "-x"], ["--json", "-x"]),
        (["--ram=1", "-1"], ["--ram=1", "-1"]), (["--", "--ram", "-1"], ["--", "--ram", "-1"]),
        (["--a", "-1", "-2"], ["--a=-1", "-2"]),
    ])
    func negatives(words: [String], joined: [String]) {
        #expect(CommandWords.joiningNegatives(words) == joined)
    }

    /// The value is wrong, not missing.
    @Test(arguments: [
        (["place", "--vmm", "qemu-virt", "--ram", "-1"], "--ram -1: A negative number"),
        (["decide", "--aperture-bits", "-1"], "--aperture-bits -1: "),
        (["decide", "--page-size", "-4K"], "--page-size -4K: \"-4K\" is not a size"),
        (["serve", "--grace-seconds", "-1"], "--grace-seconds must be 0 to 3600"),
        (["replay", "--cpus", "-1", "f"], "--cpus -1: "),
        (["survey", "--constant", "-1", "f"], "--constant -1: "),
    ])
    func negativeValues(words: [String], sentence: String) throws {
        let run = try run(words)
        #expect(run.status == 64 && run.output.isEmpty && run.errors.contains(sentence), "\(run)")
    }

    @Test(arguments: [
        ["help", "nosuch"], ["help", "packaging", "nosuch"], ["help", "serve", "nosuch"], ["nosuch"],
    ])
    func unknownCommands(words: [String]) throws {
        let run = try run(words)
        #expect(run.status == 64 && run.output.isEmpty && run.errors.contains("nosuch"), "\(run)")
    }

    @Test(arguments: [["help"], ["help", "serve"], ["help", "packaging", "systemd"], ["help", "help"]])
    func topicsOfHelp(words: [String]) throws { #expect(try run(words).status == 0) }

    /// Whatever else is wrong.
    @Test(arguments: [
        ["decide", "--root", "/nonexistent"], ["decide", "--page-size", "x"],
        ["decide", "--platform", "nope"],
        ["place", "--page-size", "x"], ["place", "--assume", "x"], ["explain", "--kernel", "x"],
        ["survey", "--aperture-bits", "1"], ["machines", "--json", "--format", "text"],
        ["collect", "--root", "/nonexistent"], ["serve", "--grace-seconds", "9999"],
        ["packaging", "systemd", "--listen", "0.0.0.0:1"],
    ])
    func unknownOptionsAreNamed(words: [String]) throws {
        let run = try run(words + ["--nosuch"])
        #expect(run.status == 64 && run.errors.contains("Unknown option '--nosuch'"), "\(run)")
    }

    /// What begins like a loopback address may be the name of any machine.
    @Test(arguments: ["127.evil:80", "127.0.0.1.evil:80", "127.0.0:80", "127.0.0.256:80", "0.0.0.0:80"])
    func unitsOfOthersNeedATokenFile(listen: String) throws {
        let run = try run(["packaging", "systemd", "--listen", listen])
        #expect(run.status == 64 && run.errors.contains("give --token-file"), "\(run)")
        let own = try self.run(["packaging", "systemd", "--listen", "127.1.2.3:80"])
        #expect(own.status == 0, "\(own)")
    }

    /// Each error ends with the usage of its own command, and of no other.
    @Test(arguments: [
        (["serve", "--listen", "nonsense"], "iovad serve [<options>]"),
        (["packaging", "systemd", "--binary", "x"], "iovad packaging systemd [<options>]"),
        (["place"], "iovad place [<options>] [<request>]"),
        (["survey"], "iovad survey [<options>] [<path> ...]"),
        (["decide", "--platform", "nope"], "iovad decide [<options>] [<request>]"),
    ])
    func usage(words: [String], line: String) throws {
        let run = try run(words)
        let command = line.prefix { $0 != "[" }
        #expect(
            run.status == 64
                && run.errors.hasSuffix("\nUsage: \(line)\n  See '\(command)--help' for more information.\n"),
            "\(run.errors)")
    }

    private static func files() throws -> FileTree {
        let tree = try FileTree()
        try tree.add(
            "machine.json",
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"]}]}"#)
        try tree.add(
            "place.json",
            #"{"hosts":[{"name":"h","platform":"nope"}],"vm":{"vmm":"qemu-virt","ram":"4G"},"window":{}}"#)
        try tree.add("decide.json", #"{"platform":"example-arm-juno","device":"d","consumer":"x"}"#)
        try tree.add("trace.json", #"{"ops":[{"op":"tick"}],"final":[]}"#)
        try tree.add("answer.json", #"{"kind":"placement","verdict":"none","model":{}}"#)
        try tree.add("regions.txt", "0x0000000008000000 0x00000000080fffff msi\n")
        try tree.add(
            "fault.log",
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, "
                + "cbfrsynra=0x102, cb=15\n")
        return tree
    }

    /// A file of one kind in the place of another is called by its name.
    @Test(arguments: [
        (
            ["decide", "machine.json"],
            "machine.json describes a machine, no request of iovad decide: iovad decide --machine machine.json"
        ),
        (
            ["decide", "place.json"],
            "place.json is a request of iovad place, no request of iovad decide: iovad place place.json"
        ),
        (
            ["place", "decide.json"],
            "decide.json is a request of iovad decide, no request of iovad place: iovad decide decide.json"
        ),
        (
            ["decide", "--machine", "place.json"],
            "place.json is a request of iovad place, no machine: iovad place place.json"
        ),
        (
            ["decide", "--machine", "decide.json"],
            "decide.json is a request of iovad decide, no machine: iovad decide decide.json"
        ),
        (["survey", "place.json"], "place.json is a request of iovad place, no machine"),
        (
            ["place", "--vmm", "qemu-virt", "--ram", "4G", "--host", "trace.json"],
            "trace.json is a trace of the allocator, no machine: iovad replay trace.json"
        ),
        (
            ["explain", "machine.json"],
            "machine.json describes a machine, no log that a VMM or the kernel printed"
        ),
        (["explain", "answer.json"], "answer.json is an answer of iovad (placement), no log"),
        (
            ["explain", "regions.txt"],
            "regions.txt is reserved_regions text, which describes a machine: give it after --machine"
        ),
        (["explain", "--machine", "fault.log"], "--machine: fault.log: a log describes no machine"),
        (
            ["replay", "machine.json"],
            "machine.json describes a machine, no trace of the allocator: iovad decide --machine machine.json"
        ),
        (
            ["place", "place.json"],
            "place.json: hosts[0].platform: No platform \"nope\"; iovad machines lists them."
        ),
        (["decide", "decide.json"], "decide.json: consumer: \"x\" is not one of"),
        (["explain", "--platform", "nope", "fault.log"], "--platform nope: no built-in machine has this id"),
        (
            ["decide", "--platform", "example-arm-juno", "--device", "nope"],
            "--device: No device \"nope\" on example-arm-juno; iovad decide without --device lists them."
        ),
    ])
    func otherFiles(words: [String], sentence: String) throws {
        let run = try run(words, in: Self.files())
        #expect(run.status == 1 || run.status == 64, "\(run)")
        #expect(run.output.isEmpty && run.errors.contains(sentence), "\(run)")
        for word in ["Content-Type", "POST", "GET ", "/v1/", "/hosts", "/consumer"] {
            #expect(!run.errors.contains(word), "\(word): \(run.errors)")
        }
    }

    /// --machine takes every word up to the next option; a log among them is explained.
    @Test func logsAfterTheMachine() throws {
        let tree = try Self.files()
        let after = try run(["explain", "--machine", "machine.json", "fault.log"], in: tree)
        let before = try run(["explain", "fault.log", "--machine", "machine.json"], in: tree)
        #expect(
            after.status == 0 && after.output == before.output && after.output.contains("verdict"), "\(after)"
        )
        let both = try run(["explain", "fault.log", "--machine", "machine.json", "fault.log"], in: tree)
        #expect(both.output.components(separatedBy: "fault.log:\n").count == 3, "\(both)")
    }

    @Test(arguments: [
        ("/hosts/0/platform", "hosts[0].platform"), ("/ops/12", "ops[12]"), ("", ""), ("?kernel", "kernel"),
        ("/a~1b/c~0d", "a/b.c~d"), ("/0", "[0]"), ("/a\u{1b}/0/1", "a?[0][1]"),
    ])
    func members(pointer: String, words: String) { #expect(Report.member(pointer) == words) }

    @Test(arguments: [
        ("No platform \"x\"; GET /v1/platforms lists them.", "No platform \"x\"; iovad machines lists them."),
        (
            "No device \"x\" on y; GET /v1/platforms/y/devices lists them.",
            "No device \"x\" on y; iovad decide without --device lists them."
        ),
        ("Move it (over HTTP: POST /v1/placements).", "Move it."), ("Plain.", "Plain."),
        ("Nothing. The bytes are JSON: send Content-Type: application/json.", "Nothing. The bytes are JSON."),
        ("Nothing. The bytes are x: POST them to /v1/replays.", "Nothing. The bytes are x."),
    ])
    func routes(advice: String, words: String) { #expect(Report.withoutRoutes(advice) == words) }

    /// The base that was asked for, and what is in its way.
    @Test(arguments: [
        (
            "0x40000000", [],
            "requested         0x40000000 does not work: qemu-virt: ram 0x40000000...0x13fffffff, RAM\n"
        ),
        ("0x9100000", [], "requested         0x9100000 works\n"),
        ("0x9100000", ["--not-movable"], "was not taken: the window cannot be moved from 0x8000000.\n"),
        ("0x40000000", [], "was not taken: it overlaps RAM 0x40000000...0x13fffffff of qemu-virt.\n"),
    ])
    func requestedWindows(base: String, flags: [String], sentence: String) throws {
        let run = try run(["place", "--vmm", "qemu-virt", "--ram", "4G", "--requested", base] + flags)
        #expect(run.status == 0 && run.output.contains(sentence), "\(run)")
        #expect(!run.output.contains("requested.blockers"))
    }
}
