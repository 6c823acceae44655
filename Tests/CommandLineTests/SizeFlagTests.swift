// Sizes and addresses of flags: every flag takes every notation, and a bare small number of RAM is refused.

import Foundation
import Testing

@Suite struct SizeFlagTests {
    private static let device = ["--platform", "example-qemu-virt", "--device", "/pcie@10000000"]

    private func output(_ command: String, _ arguments: [String]) throws -> String {
        let run = try DecideTests.run(arguments, command: command)
        #expect(run.status == 0, "\(command) \(arguments): \(run.errors)")
        return run.output
    }

    @Test(arguments: [
        (
            "decide", device, "--page-size",
            ["65536", "64K", "64k", "64KiB", "64Ki", "64KB", "64 KiB", "65536B", "0x10000"]
        ),
        (
            "decide", device + ["--consumer", "dma_api"], "--dma-mask",
            ["4294967296", "4G", "4GiB", "4Gi", "4GB", "0x100000000"]
        ),
        ("decide", device, "--doorbell", ["134807616", "0x8090040"]),
        (
            "place", ["--vmm", "qemu-virt"], "--ram",
            ["4294967296", "4G", "4GB", "4.0G", "4096M", "4194304K", "0x100000000"]
        ),
        (
            "place", ["--vmm", "qemu-virt", "--ram", "1G", "--slots", "2"], "--maxmem",
            ["2147483648", "2G", "2048m", "0.001953125T"]
        ),
        ("place", ["--vmm", "qemu-virt", "--ram", "1G"], "--requested", ["134217728", "128M", "0x8000000"]),
        ("place", ["--vmm", "qemu-virt", "--ram", "1G"], "--page-size", ["4096", "4K", "4KiB", "0x1000"]),
    ])
    func notations(command: String, arguments: [String], flag: String, texts: [String]) throws {
        let answers = try texts.map { try output(command, arguments + [flag, $0]) }
        #expect(Set(answers).count == 1, "\(flag): \(answers)")
    }

    /// QEMU's -m 64 is 64 MiB; nobody has 64 bytes of RAM.
    @Test(arguments: ["--ram", "--maxmem"]) func megabytesAreMeant(flag: String) throws {
        let other = flag == "--ram" ? [] : ["--ram", "1G"]
        let run = try DecideTests.run(["--vmm", "qemu-virt"] + other + [flag, "2048"], command: "place")
        #expect(run.status == 64 && run.output.isEmpty)
        #expect(
            run.errors.contains("\(flag) 2048: a number without a suffix counts bytes; write 2048M"),
            "\(run.errors)")
        #expect(try !output("place", ["--vmm", "qemu-virt"] + other + [flag, "2048M"]).isEmpty)
        #expect(try !output("place", ["--vmm", "qemu-virt"] + other + [flag, "2147483648"]).isEmpty)
    }

    @Test(arguments: [
        ("0.3K", "is no whole number of bytes"), ("16E", "is 2^64 bytes or more"), ("4X", "is not a size"),
        ("0", "less than 1 MiB"), ("512K", "less than 1 MiB"), ("0x1000", "less than 1 MiB"),
    ])
    func sizesThatAreNone(text: String, sentence: String) throws {
        let run = try DecideTests.run(["--vmm", "qemu-virt", "--ram", text], command: "place")
        #expect(run.status == 64 && run.errors.contains("--ram \(text): "), "\(run.errors)")
        #expect(run.errors.contains(sentence), "\(run.errors)")
    }

    /// The two sizes with their flag, and the one that is too small.
    @Test func lessMemoryThanAtBoot() throws {
        let run = try DecideTests.run(
            ["--vmm", "qemu-virt", "--ram", "4096M", "--maxmem", "2G"], command: "place")
        #expect(
            run.status == 64
                && run.errors.contains(
                    "--maxmem: \"maxmem\" (0x80000000 bytes) is less than \"ram\" (0x100000000)"),
            "\(run)")
    }

    @Test func surveysTakeThemToo() throws {
        for (text, ending) in [("224M", 1), ("0xe000000", 1), ("x", 64)] {
            let run = try DecideTests.run(["--constant", text, "/nonexistent"], command: "survey")
            #expect(run.status == Int32(ending), "\(text): \(run.errors)")
        }
    }
}
