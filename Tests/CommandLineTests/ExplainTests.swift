// `iovad explain` as a person runs it: files and standard input, a host from a file, faults, both in one
// log, and text that is neither.

import Foundation
import TestSupport
import Testing

@Suite struct ExplainTests {
    private static func run(_ arguments: [String], input: String = "") throws -> DecideTests.Run {
        try DecideTests.run(arguments, input: input, command: "explain")
    }

    private static let map =
        "vfio_dma_map(0x5585, 0x7ff0000, 0x20000, 0x7f0000000000) = -22 (Invalid argument)\n"
    private static let fault =
        "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, "
        + "cbfrsynra=0x102, cb=15\n"

    /// A wrong flag is what is said, however the question is put: the log is not told to have no failed map.
    @Test(arguments: [[], ["--iommu-regions", #"[{"start":"0x8090000","size":"64K","type":"msi"}]"#]])
    func wrongDevice(regions: [String]) throws {
        let run = try Self.run(
            ["--platform", "example-arm-juno", "--device", "nosuch"] + regions, input: Self.map + Self.fault)
        #expect(run.status == 64 && run.output.isEmpty, "\(run)")
        #expect(
            run.errors == """
                Error: --device: No device "nosuch" on example-arm-juno; iovad decide without --device lists them.

                """)
    }

    @Test func onAHost() throws {
        let run = try Self.run(
            ["--platform", "example-arm-juno", "--device", "/pcie@40000000"], input: Self.map)
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output == """
                line        1
                failed      map of 0x7ff0000...0x800ffff, vfio_dma_map (qemu)
                errno       EINVAL
                verdict     software_window (certain)
                because     0x7ff0000...0x800ffff is refused with EINVAL: it overlaps 0x8000000...0x80fffff \
                (software MSI window, IOMMU driver). A mapping must lie entirely within one of the ranges \
                that the group allows.
                in the way  0x8000000...0x80fffff, software MSI window, IOMMU driver
                to do       In the VMM, map only 0x7ff0000...0x7ffffff.
                to do       Arrange the guest's memory so that no RAM and no BAR that is mapped for the \
                device lies in 0x8000000...0x80fffff: released kernels offer this window to every device \
                behind an Arm SMMU.
                to do       Where the kernel lets user space move the window, iovad place says \
                where it fits.
                fits at     0x7fe0000
                fits at     0x0
                fits at     0xfffffffe0000

                model  Linux 7.3, iovad 0.1.0

                """)
    }

    /// What the answer says of the kernel stands in the table as in the JSON.
    @Test func warningsAreInTheTable() throws {
        let run = try Self.run(
            ["--platform", "example-arm-juno", "--device", "/pcie@40000000", "--kernel", "6.12.0-55.el10"],
            input: Self.map)
        #expect(run.output.contains("\nwarning  kernel_not_modelled_exactly: "), "\(run.output)\(run.errors)")
    }

    @Test func withoutAHost() throws {
        let run = try Self.run(["-"], input: Self.map)
        #expect(run.status == 0 && run.output.contains("verdict  software_window (likely)"), "\(run.output)")
        #expect(run.output.contains("/sys/kernel/iommu_groups/N/reserved_regions"), "\(run.output)")
    }

    @Test func aFileOfRegionsIsAHost() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "explain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let regions = folder.appendingPathComponent("regions.txt").path
        let log = folder.appendingPathComponent("qemu.log").path
        try
            "==> /sys/kernel/iommu_groups/15/reserved_regions <==\n0x00000000c6010000 0x00000000c601ffff msi\n"
            .write(toFile: regions, atomically: true, encoding: .utf8)
        try "qemu: group 15: vfio_dma_map(0x1, 0xc6000000, 0x100000, 0x7000) = -22 (Invalid argument)\n"
            .write(toFile: log, atomically: true, encoding: .utf8)
        let run = try Self.run(["--reserved-regions", regions, log, log])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output.contains("in the way  0xc6010000...0xc601ffff, hardware MSI region"), "\(run.output)")
        #expect(run.output.hasPrefix("\(log):\n"))
    }

    @Test func faultsAreExplainedAsByTheService() throws {
        let run = try Self.run([], input: Self.fault)
        #expect(
            run.status == 0 && run.output.contains("verdict  msi_base_lost\nan MSI?  likely"),
            "\(run.output)"
        )
        let json = try Self.run(["--json"], input: Self.fault)
        let answer = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(answer?["kind"] as? String == "fault_explanations")
    }

    /// What the advice asks for is read by the same command.
    @Test func tracesAreRead() throws {
        let trace = """
              map: IOMMU: iova=0x0000000008000000 paddr=0x0000000008090000 size=4096
              map: IOMMU: iova=0x00000000fffff000 paddr=0x00000001063db000 size=4096
            """
        let host = ["--platform", "example-qemu-virt", "--device", "/pcie@10000000"]
        let run = try Self.run(host, input: trace)
        #expect(run.status == 0 && run.output.contains("-> 0x8000040, mapped in line 1"), "\(run.output)")
        #expect(run.output.contains("0x8090040 -> 0x8000040"), "\(run.output)")
        let rest = String(trace.split(separator: "\n")[1])
        #expect(try Self.run(host, input: rest).output.contains("none was mapped"))
        #expect(try Self.run([], input: rest).output.contains("none was recognized"))
        let folder = try FileTree()
        try folder.addHost("host", type: "identity")
        let identity = ["--root", folder.folder.appendingPathComponent("host").path, "--device", "00:01.0"]
        let untranslated = try Self.run(identity, input: rest)
        #expect(
            untranslated.output.hasPrefix("note  The device's default domain is an identity domain"),
            "\(untranslated.output)\(untranslated.errors)")
        let regions = FileManager.default.temporaryDirectory.appendingPathComponent("regions-\(UUID()).txt")
        try "0x0000000008000000 0x00000000080fffff msi\n".write(
            to: regions, atomically: true, encoding: .utf8)
        let bare = try Self.run(["--reserved-regions", regions.path], input: rest)
        #expect(bare.output.contains("none was recognized"), "\(bare.output)\(bare.errors)")
    }

    /// A flag that has no effect on a text is refused by its name.
    @Test func flagsThatDoNotConcernTheText() throws {
        let trace = "  map: IOMMU: iova=0x00000000fffff000 paddr=0x0000000008090000 size=4096\n"
        let host = ["--platform", "example-qemu-virt"]
        let flags = ["--consumer", "vfio_type1", "--window-source", "fixed"]
        for (text, arguments, names) in [
            (trace, flags, "--consumer, --window-source"), (trace, Array(flags.prefix(2)), "--consumer"),
            (Self.fault, host + ["--device", "/pcie@10000000"], "--device"),
            (Self.fault, flags, "--consumer, --window-source"),
        ] {
            let run = try Self.run(arguments, input: text)
            #expect(run.status != 0 && run.output.isEmpty, "\(arguments): \(run.output)")
            #expect(run.errors.contains("leave out \(names)\n"), "\(arguments): \(run.errors)")
        }
        // What concerns the text is used, also where a part of the text is of another kind.
        let device = host + ["--device", "/pcie@10000000"]
        #expect(try Self.run(device, input: trace).status == 0)
        #expect(try Self.run(device + flags, input: Self.fault + Self.map).status == 0)
    }

    @Test func complaintsOfOneQueueAreOneTrouble() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let timeout = "\(name) CMD_SYNC timeout at 0x0000b1b7 [hwprod 0x0000b1c0, hwcons 0x0000b1b7]\n"
        let error = "\(name) CMDQ error (cons 0x0100b1b7): ATC invalidate timeout\n"
        let both = try Self.run([], input: timeout + error)
        #expect(both.output.contains("Follow the steps of line 2"), "\(both.output)")
        #expect(both.output.contains("to do    Look in the whole kernel log"), "\(both.output)")
        let one = try Self.run([], input: timeout + error.replacing("v3.0", with: "v3.1"))
        #expect(!one.output.contains("Follow the steps"), "\(one.output)")
        // The nearest counts, of the same SMMU; an error of another queue is none of these.
        let illegal = error.replacing("ATC invalidate timeout", with: "Illegal command")
        let three = try Self.run([], input: illegal + error + timeout)
        #expect(three.output.contains("Follow the steps of line 2"), "\(three.output)")
        let global = "\(name) unexpected global error reported (0x00000008), this could be serious\n"
        #expect(try !Self.run([], input: illegal + global).output.contains("Follow the steps"))
        // What names its error does not send the reader elsewhere.
        let alone = try Self.run([], input: illegal)
        #expect(alone.output.contains("wrote a wrong command") && !alone.output.contains("whole kernel log"))
    }

    @Test func aLogWithBothGetsBoth() throws {
        let run = try Self.run(["--json"], input: Self.fault + Self.map)
        let kinds = try run.output.split(separator: "\n").map { line in
            (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["kind"] as? String
        }
        #expect(run.status == 0 && kinds == ["map_failures", "fault_explanations"])
    }

    @Test func whatIsNeitherIsRefused() throws {
        let run = try Self.run([], input: "hello\n")
        #expect(
            run.status == 1 && run.output.isEmpty && run.errors.contains("Found no failed map"),
            "\(run.errors)")
        #expect(try Self.run(["none.log"]).errors == "Error: none.log: No such file or directory\n")
        #expect(try Self.run(["--device", "d"]).status != 0)
        #expect(try Self.run(["--kernel", "linux"], input: Self.map).status == 64)
    }
}
