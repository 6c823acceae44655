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
        ("place", ["--vmm", "list"], .holds), ("place", ["--vmm", "list", "--format", "qemu"], .usage),
        ("place", ["--vmm", "qemu-virt", "--ram", "64G", "--format", "libvirt"], .holds),
        ("place", ["--vmm", "qemu-virt", "--ram", "64G", "--format", "crosvm"], .failed),
        ("place", ["--vmm", "openvmm-uefi", "--ram", "4G", "--not-movable", "--format", "openvmm"], .no),
        ("place", ["--vmm", "qemu-virt", "--ram", "64G", "--format", "docker"], .usage),
        ("place", ["--vmm", "qemu-virt", "--ram", "64G", "--format", "qemu", "--json"], .usage),
        ("decide", ["--platform", "example-arm-juno"], .no),
        ("decide", ["--platform", "example-qemu-virt"], .holds),
        ("decide", ["--platform", "nope", "--device", "d"], .usage),
        ("decide", ["--platform", "nope"], .usage), ("place", ["--vmm", "nope", "--ram", "4G"], .usage),
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
        #expect(
            wrong.status == Ending.failed.rawValue
                && wrong.errors.contains("Error: standard input: consumer: \"x\""), "\(wrong)")
    }

    /// Without a device all that are behind an active SMMU are asked about, and the worst answer counts.
    @Test func everyDeviceOfAMachine() throws {
        let tree = try FileTree()
        func machine(_ devices: String) -> String {
            #"{"smmus":[{"id":"s","version":"v3"},{"id":"off","version":"v3","enabled":false}],"devices":[\#(devices)]}"#
        }
        let good = #"{"id":"good","kind":"platform","smmus":["s"]}"#
        let bad =
            #"{"id":"bad","kind":"platform","smmus":["s"],"reserved_regions":[{"start":"0x1000","size":"0x1000","type":"direct"}]}"#
        let idle = #"{"id":"idle","kind":"platform","smmus":["off"],"active":false}"#
        try tree.add("both.json", machine("\(good),\(bad),\(idle)"))
        try tree.add("good.json", machine("\(good),\(idle)"))
        try tree.add("idle.json", machine(idle))
        func run(_ arguments: [String]) throws -> DecideTests.Run {
            try DecideTests.run(arguments, folder: tree.folder)
        }
        let both = try run(["--machine", "both.json"])
        #expect(both.status == 3 && both.output.contains("2 devices; Linux refuses 1 device"), "\(both)")
        #expect(both.output.contains("not asked: behind a disabled SMMU\n  idle"), "\(both.output)")
        let lines = try run(["--machine", "both.json", "--json"])
        let answers = try lines.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(lines.status == 3 && answers.map { $0["device"] as? String } == ["good", "bad"], "\(lines)")
        #expect(answers.allSatisfy { $0["kind"] as? String == "device_decision" && $0["group"] == nil })
        let alone = try run(["--machine", "both.json", "--device", "bad", "--json"])
        #expect((answers[1]["decision"] as? NSDictionary)?["because"] != nil && alone.status == 3)
        #expect(try run(["--machine", "good.json"]).status == 0)
        // Nothing was decided.
        let none = try run(["--machine", "idle.json"])
        #expect(
            none.status == 1 && none.output.isEmpty && none.errors.contains("name one with --device: idle"))
        #expect(try run(["--machine", "idle.json", "--device", "idle"]).status == 0)
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
            ["--vmm", "qemu-virt", "--ram", "4G", "--host", "host.txt"], command: "place", folder: tree.folder
        )
        #expect(run.output.contains("works_with_steal_time_off"), "\(run)")
        #expect(run.status == Ending.no.rawValue)
    }

    /// The window is free, and a guest that cannot nest on these hosts does not get it.
    @Test func noMechanismIsANo() throws {
        let tree = try FileTree()
        for (kernel, ending) in [("7.2", Ending.holds), ("5.10", .no)] {
            try tree.add(
                "ask.json",
                #"{"kernel":"\#(kernel)","hosts":[{"reserved_regions":[]}],"#
                    + #""vm":{"vmm":"qemu-virt","ram":"1G","viommu":"nested_smmuv3"}}"#)
            let run = try DecideTests.run(["ask.json"], command: "place", folder: tree.folder)
            #expect(run.output.contains("default_works"), "\(run)")
            #expect(run.status == ending.rawValue, "\(run)")
        }
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
            ("?aperture_bits", "--aperture-bits"), ("?device", "--device"),
            ("/host/devices/0", "--device"), ("/hosts/1/devices/0", "--device"),
            ("/host/name", "--platform"), ("/host/platform", "--platform"), ("/hosts/0/name", "--host"),
            ("/iommu_regions/0/type", "--iommu-regions"),
        ] {
            #expect(RequestFlags.name(of: pointer) == flag)
        }
    }
}
