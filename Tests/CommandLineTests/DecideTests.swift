// `iovad decide` as a person runs it: the executable itself, with flags, files, and standard input.

import Foundation
import TestSupport
import Testing

@Suite struct DecideTests {
    struct Run: Equatable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// The executable that the build put beside the tests.
    static let executable =
        Bundle.allBundles.map(\.bundleURL)
        .first { $0.pathExtension == "xctest" }?.deletingLastPathComponent()
        .appendingPathComponent("iovad")
        ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("iovad")

    static func run(
        _ arguments: [String], input: String = "", command: String = "decide", folder: URL? = nil
    ) throws -> Run {
        let process = Process()
        process.executableURL = executable
        if let folder { process.currentDirectoryURL = folder }
        process.arguments = [command] + arguments
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Run(
            status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    @Test func tableOfABuiltInPlatform() throws {
        let run = try Self.run([
            "--platform", "example-qemu-virt", "--device", "/pcie@10000000", "--consumer", "dma_api",
            "--explain", "none",
        ])
        #expect(run.status == 0)
        #expect(
            run.output == """
                outcome    window
                window     0xfffff000...0xffffffff
                reachable  yes
                because    The DMA layer takes the page at 0xfffff000 from the allocator \
                that also serves buffers, outside everything withheld.
                doorbell   0x8090040 -> 0xfffff040
                model      Linux 7.3, iovad 0.1.0

                """)
    }

    @Test func requestFromStandardInputAsJSON() throws {
        let body =
            #"{"reserved_regions":[],"consumer":"iommufd","doorbells":["0x8090040"],"window_source":"dynamic"}"#
        let run = try Self.run(["--json", "-"], input: body)
        let answer = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        #expect(run.status == 0 && answer?["outcome"] as? String == "window")
    }

    @Test func everyFlagReachesTheRequest() throws {
        let run = try Self.run([
            "--platform", "example-arm-juno", "--device", "/pcie@40000000", "--window-source",
            #"{"kind":"candidates","avoid":"everything"}"#, "--kernel", "6.12", "--page-size", "0x10000",
            "--aperture-bits", "40", "--doorbell", "0x2c1c0040", "--doorbell", "0x2c1d0040",
        ])
        #expect(run.output.contains("0x2c1d0040 -> 0xa0010040"))
        #expect(run.output.contains("mappable   0xa0100000...0xffffffffff"))
        #expect(run.output.contains("Linux 6.12"))
        let dma = try Self.run([
            "--platform", "example-qemu-virt", "--device", "/pcie@10000000", "--consumer", "dma_api",
            "--dma-mask", "0x3fffffff", "--forcedac",
        ])
        #expect(dma.output.contains("0x8090040 -> 0x3ffff040"))
    }

    @Test func deviceTreeFromAFile() throws {
        let blob = DeviceTreeBuilder.blob { root in
            root.strings("compatible", "example,board")
            root.cells("#address-cells", 2)
            root.cells("#size-cells", 2)
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("decide-\(getpid()).dtb")
        try Data(blob).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try Self.run(["--device-tree", file.path])
        #expect(
            run.status == 1 && run.output.isEmpty
                && run.errors
                    == "Error: \(file.path) describes no device behind an SMMU: there is nothing to decide\n"
        )
        let wrong = try Self.run(["--device-tree", file.path, "--device", "/nope"])
        #expect(wrong.status == 64 && wrong.errors.contains("--device: No device"))
    }

    /// Each sentence once, and what to change in the last line of the table; below it is what no list shows.
    @Test func aWindowOutOfReach() throws {
        let asked = ["--platform", "example-arm-juno", "--device", "/pcie@40000000"]
        let whole = try Self.run(asked + ["--explain", "full"]).output
        let parts = whole.components(separatedBy: "\n\nNot described, /pcie@40000000: ")
        #expect(parts.count == 2 && parts.last?.contains("iommu-addresses = <&{/pcie@40000000} ") == true)
        let run = try Self.run(asked)
        let lines = run.output.split(separator: "\n")
        let sentences = lines.map { line in
            line.drop { $0 != " " }.drop { $0 == " " }.split(separator: ": ", maxSplits: 1).last.map(
                String.init) ?? ""
        }.filter { $0 != "as said above" }
        #expect(run.output.components(separatedBy: "lies in the dma-ranges gap").count == 2, "\(run.output)")
        #expect(sentences.count == Set(sentences).count, "\(run.output)")
        #expect(
            lines.last?.hasPrefix(
                "change     Move the MSI window to where this device's writes reach the SMMU (for this device: "
                    + "0x80100000 or 0xfff00000)") == true, "\(run.output)")
        // Faults and failed maps say the same, from one home; a window within reach needs no change.
        let reached = try Self.run(["--platform", "example-qemu-virt", "--device", "/pcie@10000000"])
        #expect(reached.status == 0 && !reached.output.contains("change "))
    }

    @Test func builtInMachinesAreListed() throws {
        let run = try Self.run([], command: "machines")
        #expect(
            run.status == 0 && run.output.hasPrefix("example-ampere-altra  Ampere Altra workstation (ACPI)\n")
        )
        #expect(run.output.contains("\n    Its PCI host bridge carries DMA from 2 GiB on"))
        let json = try Self.run(["--json"], command: "machines")
        let answer = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let items = answer?["items"] as? [[String: Any]] ?? []
        #expect(items.count == 3 && items.allSatisfy { $0["summary"] is String })
    }

    /// Every flag of the help either says what a request cannot, or is refused beside one.
    @Test func aRequestFileTakesThePlaceOfFlags() throws {
        let beside: Set = [
            "--machine", "--device-tree", "--reserved-regions", "--root", "--host", "--assume",
            "--preserve-config", "--no-preserve-config", "--explain", "--json", "--format", "--version",
            "--help",
        ]
        let values = ["--page-size": "0x1000", "--aperture-bits": "40", "--iommu-regions": "[]"]
        for (command, least) in [("decide", 9), ("place", 12)] {
            let help = try Self.run(["--help"], command: command).output
            let flags = help.split(separator: "\n").filter { $0.hasPrefix("  -") }.compactMap { line in
                line.split(whereSeparator: { " ,/".contains($0) }).first { $0.hasPrefix("--") }.map {
                    (name: String($0), takesValue: line.contains("\($0) <"))
                }
            }.filter { !beside.contains($0.name) }
            #expect(flags.count >= least, "\(command): \(flags)")
            for flag in flags {
                let value = flag.takesValue ? [values[flag.name] ?? "1"] : []
                let run = try Self.run(["request.json", flag.name] + value, command: command)
                #expect(
                    run.status == 64 && run.errors.contains(" flags: leave out \(flag.name)\n"),
                    "\(command) \(flag.name): \(run.errors)")
            }
        }
        let two = try Self.run(["request.json", "--kernel", "5.4", "--consumer", "dma_api"])
        #expect(two.errors.contains("leave out --consumer, --kernel\n"), "\(two.errors)")
    }

    /// A flag that does not exist is named, whatever its value would be taken for.
    @Test(arguments: [
        ("decide", ["--platform", "example-arm-juno", "--nope", "1"]),
        ("decide", ["--kernel", "6.12", "request.json", "--nope", "1"]),
        ("decide", ["-", "--nope", "-"]), ("place", ["--nope", "1"]), ("place", ["--nope"]),
        ("place", ["--vmm", "qemu-virt", "--ram", "4G", "--nope", "1"]), ("survey", ["--nope"]),
        ("explain", ["--device", "d", "--nope", "1"]), ("replay", ["--nope", "1", "--cpus", "0"]),
    ])
    func flagsThatDoNotExist(command: String, arguments: [String]) throws {
        let run = try Self.run(arguments, command: command)
        #expect(run.status == 64 && run.errors.contains("Unknown option '--nope'"), "\(run.errors)")
    }

    @Test func whatCannotBeAskedIsToldBeforehand() throws {
        // On a machine with an IOMMU it answers for that one.
        let host = try Self.run([])
        #expect(
            (host.status == 0 || host.status == 3)
                && host.output.hasPrefix("Where Linux maps MSI doorbells: this host")
                || host.status == 1 && host.errors.contains("this host has no IOMMU group"))
        #expect(try Self.run(["--platform", "x", "request.json"]).status == 64)
        #expect(try Self.run(["/nonexistent/request.json"]).status == 1)
        let unknown = try Self.run(["--platform", "nope", "--device", "d", "--kernel", "linux"])
        #expect(unknown.status == 64)
        #expect(unknown.errors.hasPrefix("Error: --kernel linux: "), "\(unknown.errors)")
    }
}
