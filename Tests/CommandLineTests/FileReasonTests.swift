// What cannot be read is named with its flag and the system's reason: missing, a directory, no permission.

import Foundation
import Glibc
import TestSupport
import Testing

@testable import iovad

@Suite struct FileReasonTests {
    private static let place = ["--vmm", "qemu-virt", "--ram", "4G"]

    @Test(arguments: [
        ("decide", ["--machine", "none"], "--machine none: No such file or directory"),
        ("decide", ["--device-tree", "none"], "--device-tree none: No such file or directory"),
        ("decide", ["--root", "file"], "--root file: Not a directory"),
        ("decide", ["--root", "folder"], "--root folder: no sys/, proc/ or var/ is in it"),
        ("explain", ["--root", "folder"], "--root folder: no sys/, proc/ or var/ is in it"),
        ("collect", ["--root", "folder"], "--root folder: no sys/, proc/ or var/ is in it"),
        ("serve", ["--host-root", "folder"], "--host-root folder: no sys/, proc/ or var/ is in it"),
        ("packaging", ["systemd", "--write-to", "none"], "--write-to none: No such file or directory"),
        ("packaging", ["systemd", "--write-to", "file"], "--write-to file: Not a directory"),
        ("replay", ["none"], "Error: none: No such file or directory"),
        ("replay", ["--check", "none"], "Error: none: No such file or directory"),
        ("decide", ["folder"], "folder: Is a directory"), ("place", ["folder"], "folder: Is a directory"),
        ("place", place + ["--host", "none"], "--host none: No such file or directory"),
        ("place", place + ["--machine", "none"], "--machine none: No such file or directory"),
        ("explain", ["folder"], "folder: Is a directory"), ("replay", ["folder"], "folder: Is a directory"),
        ("explain", ["file/x"], "file/x: Not a directory"),
        ("serve", ["--public", "file"], "--public file: Not a directory"),
        ("serve", ["--token-file", "folder"], "--token-file folder: Is a directory"),
        ("serve", ["--host-root", "none"], "--host-root none: No such file or directory"),
        ("serve", ["--tls-cert", "none", "--tls-key", "file"], "--tls-cert none: No such file or directory"),
    ])
    func reasons(command: String, arguments: [String], sentence: String) throws {
        let tree = try FileTree()
        try tree.add("file", "x")
        try tree.add("folder/x", "x")
        let run = try DecideTests.run(arguments, command: command, folder: tree.folder)
        let output = command == "replay" && arguments.count > 1 ? "0 passed, 1 failed\n" : ""
        #expect(run.status == 1 && run.output == output, "\(run)")
        #expect(run.errors.contains(sentence), "\(run.errors)")
    }

    /// One unreadable file of several keeps none of the others from being explained.
    @Test func theOthersAreExplained() throws {
        let tree = try FileTree()
        try tree.add(
            "a.log", "vfio_dma_map(0x5585, 0x7ff0000, 0x20000, 0x7f0000000000) = -22 (Invalid argument)\n")
        let run = try DecideTests.run(["none", "a.log"], command: "explain", folder: tree.folder)
        #expect(run.status == 1 && run.output.contains("software_window"), "\(run)")
        #expect(run.errors == "Error: none: No such file or directory\n")
    }

    /// Each unreadable input of a survey once: on standard error, or in the report that is a file of its own.
    @Test func surveysListThemOnce() throws {
        let tree = try FileTree()
        try tree.add(
            "a.json",
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"]}]}"#)
        let asked = ["none", "a.json", "none"]
        for format in ["text", "json", "ndjson", "markdown", "html"] {
            let run = try DecideTests.run(
                ["--format", format] + asked, command: "survey", folder: tree.folder)
            #expect(run.status == 1 && !run.output.isEmpty, "\(format): \(run)")
            let line = "none: No such file or directory"
            #expect((run.output + run.errors).components(separatedBy: line).count == 2, "\(format): \(run)")
            #expect(run.errors.hasSuffix("Error: 1 input cannot be read\n"), "\(run.errors)")
        }
    }

    /// What is not searched is said, with the limit that /v1/limits lists.
    @Test func foldersThatLieTooDeep() throws {
        let tree = try FileTree()
        let machine =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"]}]}"#
        let deepest = (["top"] + (1..<32).map { "d\($0)" }).joined(separator: "/")
        try tree.add("\(deepest)/in.json", machine)
        let searched = try DecideTests.run(
            ["top", "--format", "json"], command: "survey", folder: tree.folder)
        #expect(searched.status == 0 && searched.output.contains(#""platforms":1"#), "\(searched)")
        try tree.add("\(deepest)/d32/out.json", machine)
        let run = try DecideTests.run(["top", "--format", "json"], command: "survey", folder: tree.folder)
        #expect(run.status == 1 && run.output.contains(#""platforms":1"#), "\(run)")
        #expect(
            run.errors.contains("\(deepest)/d32: not searched: more than 32 folders below"), "\(run.errors)")
    }
}
