// DSDT and SSDTs beside an IORT: windows, limits and the boot configuration of root complexes, findings where
// something is unknown or contradicts what a caller or a kernel said.

import AddressSpaces
import JSON
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLPlatformTests {
    /// Root complexes of these segments behind one SMMU.
    private func iort(_ segments: Range<UInt32>, ranges: Bool = false) -> [UInt8] {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        for segment in segments {
            builder.rootComplex(segment: segment, [.init(0, 0xffff, segment << 16, to: smmu)])
        }
        if ranges {
            builder.memoryRanges(
                [(0x800_0000, 0x10_0000)], segments.map { .init(0, 0, $0 << 16 | 0x80, to: smmu) })
        }
        return builder.table()
    }

    private func codes(_ platform: Platform) -> [String] { platform.findings.map(\.code) }

    private let forms = AMLFixture.compiled("forms")
    private let bridge = AMLFixture.compiled("bridge")
    private let windows = AMLFixture.compiled("windows")

    @Test func windowsAreTheBridges() throws {
        let platform = try ACPIReader.read([iort(0..<14), forms])
        let root = platform.devices
        #expect(root[0].pciWindows.map(\.busStart) == [0x1000_0000, 0x80_0000_0000, 0, 0x90_0000_0000])
        #expect(root[0].pciWindows.map(\.kind) == [.memory, .memory, .io, .memory])
        #expect(root[0].pciWindows[0].cpuStart == 0x5000_0000)
        #expect(root[1].pciWindows.isEmpty && root[2].pciWindows.map(\.busStart) == [0x2000_0000])
        #expect(root[3].pciWindows.map(\.busStart) == [0x3000_0000])
        #expect(root[9].pciWindows.map(\.busStart) == [0x4000_0000])
        // One bridge's segment has to be evaluated, so that every segment may have more.
        #expect(root.allSatisfy { $0.hasUnknownPCIWindows })
        for code in [
            "crs-needs-evaluation", "seg-needs-evaluation", "bridge-absent", "crs-without-window",
            "pci-windows-unknown",
        ] { #expect(codes(platform).contains(code), "\(code)") }
        let branch = try #require(platform.findings.first { $0.detail.contains("PCI7") })
        #expect(branch.code == "crs-needs-evaluation" && branch.location == "DSDT:0x420")
    }

    /// A bridge whose segment has to be evaluated may be any segment's: so may its `_DMA` and its `_DSM`.
    @Test func inboundWindowsOfAnUnknownSegment() throws {
        let windows = AMLFixture.name("_CRS", AMLFixture.buffer(AMLFixture.window))
        let known = AMLFixture.bridge(windows)
        func other(_ more: [UInt8]) -> [UInt8] {
            AMLFixture.packaged(
                [0x5b, 0x82],
                Array("PCI1".utf8) + AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
                    + AMLFixture.method("_SEG", [0xa4, 0x60]) + windows + more)
        }
        let inbound = AMLFixture.name("_DMA", AMLFixture.buffer(AMLFixture.window))
        for (more, isUnknown) in [([UInt8](), false), (inbound, true)] {
            let platform = try ACPIReader.read([iort(0..<2), AMLFixture.table(known + other(more))])
            #expect(
                platform.devices.map(\.hasUnknownInboundWindows) == [isUnknown, isUnknown], "\(isUnknown)")
        }
    }

    @Test func knownAndUnknownSegments() throws {
        let known = AMLFixture.bridge(AMLFixture.name("_CRS", AMLFixture.buffer(AMLFixture.window)))
        let branch = AMLFixture.packaged(
            [0x5b, 0x82],
            Array("PCI1".utf8) + AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
                + AMLFixture.name("_SEG", [0x01]) + AMLFixture.method("_CRS", [0xa4, 0x60]))
        let platform = try ACPIReader.read([iort(0..<3), AMLFixture.table(known + branch)])
        #expect(platform.devices.map(\.hasUnknownPCIWindows) == [false, true, true])
        let finding = try #require(platform.findings.first { $0.code == "pci-windows-unknown" })
        #expect(finding.detail.contains("segments 1, 2 are not known"))
        #expect(platform.pciFunction("0001:00:01.0")?.hasUnknownPCIWindows == true)
        #expect(platform.pciFunction("0000:00:01.0")?.hasUnknownPCIWindows == false)
        // What the kernel printed says the rest.
        var facts = ACPIReader.Facts()
        facts.pciWindows = [
            0: [IOMemText.window(IOVARange(proven: 0x1000_0000, 0x1fff_ffff))],
            1: [IOMemText.window(IOVARange(proven: 0x4000_0000, 0x4fff_ffff))],
        ]
        let both = try ACPIReader.read([iort(0..<3), AMLFixture.table(known + branch)], facts)
        #expect(both.devices.map(\.hasUnknownPCIWindows) == [false, false, false])
        #expect(both.devices[1].pciWindows.map(\.busStart) == [0x4000_0000])
        #expect(!codes(both).contains("windows-contradict"))
    }

    /// Two bridges share a segment: a function has the windows of the one that has its bus.
    @Test func busesAreBridges() throws {
        func bridge(_ name: String, _ first: UInt8, _ last: UInt8, _ start: UInt8) -> [UInt8] {
            let buses: [UInt8] =
                [0x88, 0x0d, 0, 2, 0x0c, 0, 0, 0, first, 0, last, 0, 0, 0, last - first + 1, 0]
            var window = AMLFixture.window
            (window[13], window[17]) = (start << 4, start << 4 | 15)
            let identifier = AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08])
            let resources = AMLFixture.name("_CRS", AMLFixture.buffer(buses + window))
            return AMLFixture.packaged([0x5b, 0x82], Array(name.utf8) + identifier + resources)
        }
        let table = AMLFixture.table(bridge("PCI0", 0, 0x7f, 1) + bridge("PCI8", 0x80, 0xff, 2))
        let platform = try ACPIReader.read([iort(0..<1), table])
        #expect(platform.hostBridges.map(\.path) == ["\\PCI0", "\\PCI8"])
        #expect(platform.hostBridges.map(\.buses) == [0...0x7f, 0x80...0xff])
        #expect(platform.devices[0].pciWindows.map(\.busStart) == [0x1000_0000, 0x2000_0000])
        for (address, start) in [("0000:7f:00.0", UInt64(0x1000_0000)), ("0000:80:00.0", 0x2000_0000)] {
            #expect(platform.pciFunction(address)?.pciWindows.map(\.busStart) == [start], "\(address)")
        }
        // What only the kernel's file has is everybody's.
        var facts = ACPIReader.Facts()
        facts.pciWindows = [0: [IOMemText.window(IOVARange(proven: 0x4000_0000, 0x4fff_ffff))]]
        let more = try ACPIReader.read([iort(0..<1), table], facts)
        #expect(
            more.pciFunction("0000:80:00.0")?.pciWindows.map(\.busStart) == [0x2000_0000, 0x4000_0000])
    }

    @Test func onlyTheBridgesOwnRangesAreNoWindow() throws {
        let fixed: [UInt8] = [0x86, 9, 0, 1, 0, 0, 0x30, 0x60, 0, 0, 0xd0, 1, 0x79, 0]
        let table = AMLFixture.table(
            AMLFixture.bridge(AMLFixture.name("_CRS", AMLFixture.buffer(fixed))))
        let platform = try ACPIReader.read([iort(0..<1), table])
        #expect(platform.devices[0].pciWindows.isEmpty && !platform.devices[0].hasUnknownPCIWindows)
        #expect(codes(platform) == ["crs-without-window"])
    }

    /// A list that ACPICA refuses leaves the windows unknown.
    @Test func refusedLists() throws {
        var short = AMLFixture.window
        short[1] -= 1
        short.remove(at: 20)
        let resources = AMLFixture.name("_CRS", AMLFixture.buffer(short))
        let inbound = AMLFixture.name("_DMA", AMLFixture.buffer(short))
        let table = AMLFixture.table(AMLFixture.bridge(resources + inbound))
        let platform = try ACPIReader.read([iort(0..<1), table])
        #expect(platform.devices[0].hasUnknownPCIWindows && platform.devices[0].dmaLimit == .max)
        for code in ["crs-unreadable", "dma-unreadable"] {
            let finding = try #require(platform.findings.first { $0.code == code })
            #expect(
                finding.detail.contains("has 22 bytes after its header and needs at least 23 at offset 0x0"),
                "\(finding.detail)")
        }
    }

    @Test func coherenceIsTheBridges() throws {
        for (value, isCoherent) in [(UInt8(0), false), (1, true)] {
            let table = AMLFixture.table(
                AMLFixture.bridge(
                    AMLFixture.name("_CCA", [0x0a, value])
                        + AMLFixture.name("_CRS", AMLFixture.buffer(AMLFixture.window))))
            let platform = try ACPIReader.read([iort(0..<2), table])
            #expect(platform.devices.map(\.dmaCoherent) == [isCoherent, true])
            let finding = platform.findings.first { $0.code == "coherency-contradicts" }
            #expect((finding == nil) == isCoherent)
            #expect(finding?.location == (isCoherent ? nil : "IORT:0x74"), "\(finding as Any)")
        }
    }

    @Test func inboundWindowsAndPreservedConfiguration() throws {
        let platform = try ACPIReader.read([iort(0..<4, ranges: true), bridge, windows])
        let root = platform.devices
        #expect(root[0].dmaLimit == 0x1_ffff_ffff && root[1].dmaLimit == .max)
        #expect(root[0].pciWindows.map(\.busStart) == [0x1000_0000])
        #expect(root[1].pciWindows.map(\.busStart) == [0x2000_0000])
        #expect(root.map(\.preservesConfiguration) == [true, false, false, false])
        #expect(platform.preservesPCIConfiguration)
        #expect(platform.pciFunction("0000:00:10.0")?.firmwareRegions.count == 1)
        #expect(platform.pciFunction("0001:00:10.0")?.firmwareRegions.isEmpty == true)
        #expect(codes(platform).contains("dsm-needs-evaluation"))
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = false
        facts.inboundWindows = [0: [InboundWindow(busStart: 0, cpuStart: 0, size: 0x8000_0000)]]
        let stated = try ACPIReader.read([iort(0..<4, ranges: true), bridge, windows], facts)
        #expect(stated.devices[0].dmaLimit == 0x7fff_ffff && !stated.preservesPCIConfiguration)
        #expect(codes(stated).contains("preserve-config-contradicts"))
        #expect(codes(stated).contains("inbound-windows-contradict"))
    }

    private func read(_ parts: [(String, [UInt8])]) throws -> Platform {
        let problems = ProblemList(limit: 8)
        let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 100_000)
        let platform = try PlatformReader.read(
            parts.map { InputPart(name: $0.0, bytes: $0.1, labelled: nil, isWhole: false) },
            .init(json: limits), problems)
        #expect(problems.isEmpty, "\(problems.problems)")
        return platform
    }

    @Test func partsContradictEachOther() throws {
        let tables = [("iort", iort(0..<2)), ("dsdt", bridge), ("ssdt", windows)]
        let agreeing = "10000000-1fffffff : PCI Bus 0000:00\n20000000-2fffffff : PCI Bus 0001:00\n"
        let same = try read(tables + [("iomem", Array(agreeing.utf8))])
        #expect(!codes(same).contains("windows-contradict"))
        let wider = "10000000-2fffffff : PCI Bus 0000:00\n"
        let differs = try read(tables + [("iomem", Array(wider.utf8))])
        let details = differs.findings.filter { $0.code == "windows-contradict" }.map(\.detail)
        #expect(details.count == 2 && details[0].contains("/proc/iomem has 0x20000000"), "\(details)")
        #expect(differs.devices[0].pciWindows.map(\.busStart) == [0x1000_0000, 0x2000_0000])
        let json = #"{"pci_windows":[{"segment":0,"bus":"0x40000000","size":"0x1000"}]}"#
        let stated = try read(
            tables + [("facts", Array(json.utf8)), ("iomem", Array(agreeing.utf8))])
        #expect(stated.devices[0].pciWindows.map(\.busStart) == [0x4000_0000])
        #expect(stated.devices[1].pciWindows.map(\.busStart) == [0x2000_0000])
        let denied = stated.findings.filter { $0.code == "windows-contradict" }.map(\.detail)
        #expect(denied.count == 2 && denied.allSatisfy { $0.contains("the JSON counts") }, "\(denied)")
    }

    @Test func aDumpOfEverything() throws {
        let tables = [
            ACPITableBuilder.madt(its: [(0, 0x808_0000)]), bridge, iort(0..<2), windows,
            AMLFixture.table([], "SSDT"),
        ]
        let text = Array(ACPITableBuilder.dump(tables).utf8)
        #expect(InputKind.sniff(text) == .acpiDump)
        let dumped = try ACPIReader.read([text])
        let binary = try ACPIReader.read([tables.flatMap(\.self)])
        for platform in [dumped, binary] {
            #expect(platform.devices.map { $0.pciWindows.map(\.busStart) } == [[0x1000_0000], [0x2000_0000]])
            #expect(!codes(platform).contains("table-not-read"))
        }
        // Names lead to their tables whatever the order: an SSDT alone declares no bridge.
        let alone = try ACPIReader.read([iort(0..<2), windows])
        #expect(alone.devices.allSatisfy { $0.hasUnknownPCIWindows })
        let error = #expect(throws: ACPIError.self) { try ACPIReader.read([iort(0..<1), bridge, bridge]) }
        guard case .secondTable? = error else {
            Issue.record("two DSDTs")
            return
        }
    }

    @Test func unreadableTables() throws {
        let broken = AMLFixture.table([0x02])
        let platform = try ACPIReader.read([iort(0..<1), broken, windows])
        #expect(platform.devices[0].hasUnknownPCIWindows)
        let finding = try #require(platform.findings.first { $0.code == "aml-unreadable" })
        #expect(finding.severity == .error && finding.location == "DSDT:0x24")
        #expect(finding.detail.contains("0x2 is no opcode of AML at offset 0x24"))
        let second = try ACPIReader.read([iort(0..<1), bridge, windows, AMLFixture.table([0x02], "SSDT")])
        #expect(second.findings.contains { $0.location == "SSDT 2:0x24" })
    }
}
