// `--iommu-regions`: what a virtio-iommu reports, said to every command that asks about a machine. Each then
// gives the one answer that it gave as the other one before, and none where a request file says it.

import Foundation
import TestSupport
import Testing

@Suite struct ReportOptionTests {
    private static let machine =
        #"{"smmus":[{"id":"v","version":"virtio"}],"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x8090040"}],"#
        + #""devices":[{"id":"d","kind":"pci_function","smmus":["v"],"msi_controllers":["its"]}]}"#
    private static let regions = #"[{"start":"0x8090000","size":"0x10000","type":"msi"}]"#
    private static let map = "vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)\n"
    private static let fault =
        "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, fsynr=0x13, cb=1\n"

    /// Each command about the machine, with what stands in it where the device decides.
    static let commands: [(command: String, arguments: [String], input: String)] = [
        ("decide", ["--machine", "m.json", "--device", "d"], ""),
        ("place", ["--vmm", "qemu-virt", "--ram", "1G", "--host", "m.json"], ""),
        ("survey", ["m.json"], ""),
        ("explain", ["--machine", "m.json", "--device", "d"], map),
        ("explain", ["--machine", "m.json"], fault),
    ]

    private func run(_ command: String, _ arguments: [String], _ input: String) throws -> DecideTests.Run {
        let tree = try FileTree()
        try tree.add("m.json", Self.machine)
        return try DecideTests.run(arguments, input: input, command: command, folder: tree.folder)
    }

    @Test(arguments: commands.indices) func bothAnswersOrOne(index: Int) throws {
        let (command, arguments, input) = Self.commands[index]
        let other = "MSI region"
        let open = try run(command, arguments, input)
        #expect(open.status == 0 && open.output.contains(other), "\(open)")
        for regions in ["[]", Self.regions] {
            let said = try run(command, arguments + ["--iommu-regions", regions], input)
            // Without a region that helps, the answer may be no.
            #expect((said.status == 0 || said.status == 3) && !said.output.contains("or else"), "\(said)")
            #expect(!said.output.contains("if virtio-iommus report"), "\(said)")
            #expect(said.output != open.output, "\(said)")
        }
    }

    @Test func mistakesAreNamed() throws {
        let asked = ["--machine", "m.json", "--device", "d", "--iommu-regions"]
        #expect(try run("decide", asked + ["{"], "").errors.contains("--iommu-regions: this is not JSON"))
        let wrong = try run("decide", asked + [#"[{"start":0,"size":1,"type":"direct"}]"#], "")
        #expect(wrong.status != 0 && wrong.errors.contains("--iommu-regions, [0].type: "), "\(wrong)")
        let request = try run("decide", ["-", "--iommu-regions", "[]"], "{}")
        #expect(request.errors.contains("leave out --iommu-regions"), "\(request)")
        let bare = try run("explain", ["--iommu-regions", "[]"], Self.map)
        #expect(bare.errors.contains("--iommu-regions needs a machine"), "\(bare)")
    }
}
