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
        #expect(run.status != 0 && run.output.isEmpty, "\(run)")
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
}
