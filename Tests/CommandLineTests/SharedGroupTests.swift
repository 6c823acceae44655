// The command on a host whose IOMMU group has devices that reserve different things: by its tree, by what was
// collected of it, and by its description and its groups in two files.

import Foundation
import TestSupport
import Testing

@Suite struct SharedGroupTests {
    private func run(
        _ arguments: [String], in tree: FileTree, input: String = "", command: String = "decide"
    ) throws -> DecideTests.Run {
        try DecideTests.run(arguments, input: input, command: command, folder: tree.folder)
    }

    @Test func decide() throws {
        let tree = try FileTree()
        let asked = ["--consumer", "dma_api"]
        for (release, folder) in [("6.18.15", "new"), ("6.12.118", "old")] {
            try tree.addSharedGroupHost(folder, release: release)
            let table = try run(["--root", folder] + asked, in: tree)
            #expect(table.output.contains("  all devices  0x8090040  0xfffff040\n"), "\(table)")
            let collected = try run(["--root", folder], in: tree, command: "collect").output
            try tree.add("\(folder).json", collected)
            for device in SharedGroupHost.functions {
                let one = ["--device", device, "--explain", "none"] + asked
                let answer = try run(["--root", folder] + one, in: tree)
                #expect(answer.output.contains("doorbell   0x8090040 -> 0xfffff040"), "\(answer)")
                #expect(answer.output.contains("group_order") == (folder == "old"), "\(answer)")
                for machine in [["--machine", "\(folder).json"], ["--machine", folder]] {
                    #expect(try run(machine + one, in: tree).output == answer.output)
                }
            }
        }
    }

    /// What a kernel printed beside the only tree of a folder is of the same machine.
    @Test func textsBesideATree() throws {
        let tree = try FileTree()
        try tree.add("m/board.dtb", SharedGroupHost.tree)
        try tree.add("m/dmesg", "Linux version 6.12.9-arm64 (a@b)\nPCI host bridge to bus 0000:00\n")
        try tree.add("m/lspci.txt", "00:01.0 Ethernet controller: Some NIC\n")
        try tree.add("m/iomem.txt", "80000000-ffffffff : System RAM\n")
        let asked = ["--device", SharedGroupHost.nodes[1], "--explain", "none"]
        let answer = try run(["--machine", "m"] + asked, in: tree)
        #expect(answer.output.contains("model      Linux 6.12"), "\(answer)")
        let survey = try run(["--format", "json", "m"], in: tree, command: "survey")
        #expect(survey.output.contains(#""platforms":1,"#), "\(survey)")
        // Of two trees, nobody says whose they are.
        try tree.add("m/other.dtb", SharedGroupHost.tree)
        #expect(try run(["--machine", "m"] + asked, in: tree).errors.contains("several machines"))
    }

    /// The description in one file, and groups that were collected without one in another.
    @Test func filesOfOneMachine() throws {
        let tree = try FileTree()
        try tree.add("fdt.dtb", SharedGroupHost.tree)
        try tree.add(
            "groups.json", SharedGroupHost.collected(#""device_tree":null,"acpi":null"#, release: "6.18.15"))
        let answer = try run(
            ["--machine", "fdt.dtb", "groups.json", "--device", "00:01.1", "--consumer", "dma_api"], in: tree)
        #expect(answer.output.contains("0x8090040 -> 0xfffff040"), "\(answer)")
        let survey = try run(
            ["--format", "ndjson", "--machine", "fdt.dtb", "groups.json"], in: tree, command: "survey")
        #expect(survey.output.split(separator: "\n").count == 4, "\(survey)")
        #expect(!survey.output.contains("group:3"), "\(survey)")
    }
}
