// With which status commands end: scripts ask it instead of reading what is printed.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct EndingTests {
    private static let juno = ["--platform", "example-arm-juno", "--device", "/pcie@40000000"]
    private static let virt = ["--platform", "example-qemu-virt", "--device", "/pcie@10000000"]

    /// The answer is the status, in every format.
    @Test(arguments: [
        ("decide", virt, Ending.holds), ("decide", juno, .no), ("decide", juno + ["--json"], .no),
        ("place", ["--vmm", "qemu-virt", "--ram", "64G"], .holds),
        ("place", ["--vmm", "openvmm-uefi", "--ram", "4G"], .holds),
        ("place", ["--vmm", "openvmm-uefi", "--ram", "4G", "--not-movable"], .no),
        ("place", ["--vmm", "openvmm-uefi", "--ram", "4G", "--not-movable", "--format", "json"], .no),
        ("place", ["--vmm", "list"], .holds), ("decide", ["--platform", "example-arm-juno"], .holds),
        ("decide", ["--platform", "nope", "--device", "d"], .usage),
        ("decide", ["--platform", "nope"], .failed), ("place", ["--vmm", "nope", "--ram", "4G"], .usage),
        ("place", ["--vmm", "qemu-virt"], .usage), ("place", ["/nonexistent"], .failed),
        ("survey", ["/nonexistent"], .failed), ("survey", [], .usage),
        ("explain", ["/nonexistent"], .failed), ("machines", ["--json", "--format", "text"], .usage),
    ])
    func commandsEnd(command: String, arguments: [String], ending: Ending) throws {
        let run = try DecideTests.run(arguments, command: command)
        #expect(run.status == ending.rawValue, "\(command) \(arguments): \(run.errors)\(run.output)")
        #expect(run.errors.isEmpty == (ending == .holds || ending == .no), "\(run.errors)")
    }

    /// A request file says the same, and what is wrong with it is named by its members.
    @Test func requestFilesEndAlike() throws {
        let asked = #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1"}"#
        #expect(try DecideTests.run(["-"], input: asked).status == Ending.no.rawValue)
        let wrong = try DecideTests.run(["-"], input: asked.replacing("vfio_type1", with: "x"))
        #expect(wrong.status == Ending.failed.rawValue && wrong.errors.contains("/consumer: "), "\(wrong)")
    }

    /// One device that loses its MSIs is a no for the host, and the others are still told.
    @Test func oneDeviceOfAHost() throws {
        let tree = try FileTree()
        try tree.add(
            "host.json",
            """
            {"collected":{"format":1,"kernel_release":"6.8.0","page_size":4096,"groups":[
            {"id":"0","devices":["0000:01:00.0"],"reserved_regions":"0x0000000008000000 0x00000000080fffff msi\\n"},
            {"id":"1","devices":["0000:02:00.0"],"reserved_regions":
            "0x0000000000000000 0x0000000000000fff direct\\n0x0000000008000000 0x00000000080fffff msi\\n"}]}}
            """)
        let run = try DecideTests.run(["--machine", "host.json"], folder: tree.folder)
        #expect(run.status == Ending.no.rawValue, "\(run)")
        #expect(run.output.contains("0000:01:00.0") && run.output.contains("0000:02:00.0"), "\(run)")
    }

    /// As the VM was described, it does not start; the answer says how it would.
    @Test func stealTimeIsANo() throws {
        let tree = try FileTree()
        try tree.add(
            "host.txt",
            "0x0000000008000000 0x00000000080fffff msi\n0x00000000090a0000 0x00000000090affff reserved\n")
        let run = try DecideTests.run(
            ["--vmm", "qemu-virt", "--ram", "4G", "--host", "host.txt"], command: "place", folder: tree.folder)
        #expect(run.output.contains("works_with_steal_time_off"), "\(run)")
        #expect(run.status == Ending.no.rawValue)
    }

    @Test func helpHasEveryStatus() throws {
        let help = try DecideTests.run([], command: "--help").output
        let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for ending in Ending.allCases { #expect(words.contains("\(ending.rawValue) \(ending.meaning)")) }
    }

    /// Flags, members of requests and parameters of queries by one rule.
    @Test func flagsOfMembers() {
        for (pointer, flag) in [
            ("/vm/vmm", "--vmm"), ("/vm/ipa_bits", "--ipa-bits"), ("/vm/p2p", "--no-p2p"),
            ("/window/movable", "--not-movable"), ("/hosts/0/platform", "--platform"),
            ("/doorbells/3", "--doorbell"), ("/doorbell_count", "--doorbells"),
            ("?aperture_bits", "--aperture-bits"),
            ("/iommu_regions/0/type", "--iommu-regions"),
        ] {
            #expect(RequestFlags.name(of: pointer) == flag)
        }
    }
}
