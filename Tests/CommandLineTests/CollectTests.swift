// `iovad collect` on made-up trees and on this machine: the script's output equals the binary's, byte for
// byte.

import Foundation
import TestSupport
import Testing

@Suite struct CollectTests {
    /// Runs a program; output and errors.
    private func run(_ program: URL, _ arguments: [String]) throws -> (
        status: Int32, output: [UInt8], errors: String
    ) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let (stdout, stderr) = (Pipe(), Pipe())
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, Array(output), String(decoding: errors, as: UTF8.self))
    }

    /// A folder of files, removed when the test ends.
    private final class Tree {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "collect-\(UUID().uuidString)")

        func add(_ path: String, _ content: [UInt8]) throws {
            let file = folder.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content).write(to: file)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    /// Binary and script, on a tree or on this machine; they must agree.
    private func collect(_ root: String?) throws -> (json: [String: Any], errors: String) {
        let script = Tree()
        let printed = try run(DecideTests.executable, ["collect", "--script"])
        #expect(printed.status == 0)
        try script.add("collect.sh", printed.output)
        let path = script.folder.appendingPathComponent("collect.sh").path
        let binary = try run(DecideTests.executable, ["collect"] + (root.map { ["--root", $0] } ?? []))
        let shell = try run(URL(fileURLWithPath: "/bin/sh"), [path] + (root.map { [$0] } ?? []))
        #expect(binary.status == 0 && shell.status == 0)
        #expect(
            binary.output == shell.output, "\(String(decoding: binary.output.suffix(400), as: UTF8.self))")
        #expect(binary.errors == shell.errors)
        let json = try JSONSerialization.jsonObject(with: Data(binary.output)) as? [String: Any]
        return (json?["collected"] as? [String: Any] ?? [:], binary.errors)
    }

    @Test func thisMachine() throws {
        // Whatever it is, it is told without failing.
        let (json, _) = try collect(nil)
        #expect(json["format"] as? Int == 1 && json["groups"] is [Any])
    }

    @Test func treeWithGroups() throws {
        let tree = Tree()
        let groups = "sys/kernel/iommu_groups"
        let window = Array("0x0000000008000000 0x00000000080fffff msi\n".utf8)
        for number in ["0", "2", "10", "9"] {
            try tree.add("\(groups)/\(number)/reserved_regions", window)
            try tree.add("\(groups)/\(number)/devices/0000:0\(number.suffix(1)):00.0/vendor", [])
        }
        try tree.add("\(groups)/2/devices/0000:00:1f.0/vendor", [])
        try tree.add("\(groups)/2/type", Array("DMA\n".utf8))
        try tree.add("\(groups)/10/type", Array("identity".utf8))
        try tree.add("\(groups)/notes/type", Array("DMA".utf8))
        // A folder where a file should be cannot be read.
        try tree.add("\(groups)/9/type/inner", [])
        try tree.add("sys/firmware/acpi/tables/IORT", [0x49, 0, 0xff, 0x0a])
        try tree.add("sys/firmware/acpi/tables/APIC", [])
        try tree.add("proc/iomem", Array("1-2 : \"q\\uote\"\t\u{7f}\u{e9}x\r\n\n  3-4 : no end".utf8))
        try tree.add("proc/sys/kernel/osrelease", Array("7.2.13-arm64\nmore\n".utf8))
        try tree.add(
            "proc/self/smaps",
            Array("00-01 r-xp\nSize:  4 kB\nKernelPageSize:       64 kB\nKernelPageSize: 4 kB\n".utf8))
        let (json, errors) = try collect(tree.folder.path)
        let listed = json["groups"] as? [[String: Any]] ?? []
        #expect(listed.map { $0["id"] as? String } == ["0", "2", "9", "10"])
        #expect(listed[1]["devices"] as? [String] == ["0000:00:1f.0", "0000:02:00.0"])
        #expect(listed[1]["type"] as? String == "DMA" && listed[3]["type"] as? String == "identity")
        #expect(listed[0]["reserved_regions"] as? String == String(decoding: window, as: UTF8.self))
        #expect((json["acpi"] as? [String: Any])?["IORT"] as? String == "4900ff0a")
        #expect((json["acpi"] as? [String: Any])?["APIC"] as? String == "")
        #expect(json["iomem"] as? String == "1-2 : \"q\\uote\" x\n\n  3-4 : no end\n")
        #expect(json["kernel_release"] as? String == "7.2.13-arm64" && json["page_size"] as? Int == 65_536)
        #expect(json["notes"] as? [String] == ["cannot read /sys/kernel/iommu_groups/9/type: run as root"])
        #expect(errors == "iovad collect: cannot read /sys/kernel/iommu_groups/9/type: run as root\n")
    }

    @Test func treeWithNothing() throws {
        let tree = Tree()
        try tree.add("proc/version", [])
        let (json, errors) = try collect(tree.folder.path)
        #expect((json["groups"] as? [Any])?.isEmpty == true && json["page_size"] is NSNull)
        #expect(
            json["notes"] as? [String] == [
                "no /sys/kernel/iommu_groups: the kernel has no IOMMU support",
                "neither a device tree nor an IORT: no SMMU is described",
            ])
        #expect(errors.split(separator: "\n").count == 2)
    }

    @Test func treeWithAFlattenedTree() throws {
        let tree = Tree()
        let blob = DeviceTreeBuilder.blob { $0.strings("compatible", "x,y") }
        try tree.add("sys/firmware/fdt", blob)
        try FileManager.default.createDirectory(
            at: tree.folder.appendingPathComponent("sys/kernel/iommu_groups"),
            withIntermediateDirectories: true)
        let (json, _) = try collect(tree.folder.path)
        let hex = json["device_tree"] as? String
        #expect(hex?.hasPrefix("d00dfeed") == true && hex?.utf8.count == 2 * blob.count)
        #expect(json["notes"] as? [String] == ["no IOMMU groups: no IOMMU is driven here"])
    }

    @Test func mistakesAreNamed() throws {
        #expect(try run(DecideTests.executable, ["collect", "--root", "/nowhere"]).status != 0)
        #expect(try run(DecideTests.executable, ["collect", "--script", "--root", "/"]).status != 0)
    }
}
