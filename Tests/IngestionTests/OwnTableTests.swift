// ACPI tables written by us: one rule of the kernel each. What vendors ship is in ReferenceTableTests.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct OwnTableTests {
    /// ITS group, SMMUv3 and a root complex that lets all IDs of segment 0 through.
    private func machine(
        model: UInt32 = 0, limit: UInt8 = 64, ranges: [(UInt64, UInt64)] = [], flags: UInt32 = 0,
        streams: (UInt32, UInt32) = (0x100, 0), component: String? = nil
    ) -> IORTBuilder {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, model: model, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: limit, [.init(0, 0xffff, 0, to: smmu)])
        if let component {
            builder.namedComponent(component, [.init(0, 0, streams.0, to: smmu, single: true)])
        }
        if !ranges.isEmpty {
            builder.memoryRanges(ranges, flags: flags, [.init(0, streams.1, streams.0, to: smmu)])
        }
        return builder
    }

    private func codes(_ platform: Platform) -> [String] { platform.findings.map(\.code) }

    @Test func rootComplexAndDoorbell() throws {
        let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
        let platform = try ACPIReader.read([machine().table(), madt])
        let root = try #require(platform.devices.first)
        #expect(root.id == "rc:0" && root.kind == .rootComplex && root.active && root.dmaCoherent)
        #expect(root.msiControllers == ["its:0"])
        #expect(platform.msiControllers.map(\.doorbell) == [PhysicalAddress(0x809_0040)])
        #expect(platform.smmus.map(\.id) == ["smmuv3@9050000"])
        #expect(codes(platform) == ["pci-windows-unknown"])
    }

    @Test(arguments: [
        (UInt8(0), UInt64.max), (1, 1), (27, 0x7ff_ffff), (32, 0xffff_ffff), (63, .max >> 1), (64, .max),
        (255, .max),
    ])
    func memoryAddressLimit(bits: UInt8, limit: UInt64) throws {
        let platform = try ACPIReader.read([machine(limit: bits).table()])
        #expect(platform.devices[0].dmaLimit == limit)
        #expect(codes(platform).contains("memory-address-limit-zero") == (bits == 0))
    }

    @Test func oldRootComplexHasNoLimit() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x1000)
        builder.rootComplex(segment: 3, limit: 32, revision: 0, [.init(0, 0xff, 0, to: smmu)])
        let platform = try ACPIReader.read([builder.table()])
        #expect(platform.devices.map(\.id) == ["rc:3"])
        #expect(platform.devices[0].dmaLimit == .max)
    }

    @Test func memoryRangesOfAComponent() throws {
        let builder = machine(ranges: [(0x800_0000, 0x8_0000)], component: "\\_SB.GPU0")
        let device = try #require(try ACPIReader.read([builder.table()]).devices.last)
        #expect(device.id == "\\_SB.GPU0")
        #expect(device.firmwareRegions.map(\.kind) == [.direct])
        #expect(device.firmwareRegions[0].start == 0x800_0000 && device.firmwareRegions[0].length == 0x8_0000)
        // Before revision 5 of the table Linux reads no RMR.
        let old = try ACPIReader.read([builder.table(revision: 4)])
        #expect(old.devices.allSatisfy { $0.firmwareRegions.isEmpty && $0.unappliedRegions.isEmpty })
        #expect(codes(old).contains("rmr-in-old-table"))
    }

    @Test func flagsOfMemoryRanges() throws {
        func region(_ flags: UInt32) throws -> ReservedRegion {
            let builder = machine(ranges: [(0x1_0000, 0x1_0000)], flags: flags, component: "\\_SB.A")
            return try #require(try ACPIReader.read([builder.table()]).devices.last?.firmwareRegions.first)
        }
        #expect(try region(1).kind == .directRelaxable)
        #expect(try region(0).protection == [.read, .write, .mmio])
        #expect(try region(2).protection == [.read, .write, .mmio, .privileged])
        #expect(try region(4 << 2).protection == [.read, .write])
        #expect(try region(5 << 2).protection == [.read, .write, .cache])
    }

    @Test func functionsNeedAPreservedConfiguration() throws {
        let table = machine(ranges: [(0x800_0000, 0x10_0000)], streams: (0x80, 8)).table()
        let plain = try ACPIReader.read([table])
        #expect(codes(plain).contains("rmr-not-preserved"))
        let skipped = try #require(plain.pciFunction("0000:00:10.0"))
        #expect(skipped.firmwareRegions.isEmpty)
        #expect(skipped.unappliedRegions.map(\.reason) == [.rmrWithoutPreservedConfiguration])
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        let kept = try ACPIReader.read([table], facts)
        // Streams 0x80 to 0x88, ends included: 00:10.0 to 00:11.0.
        for (address, isHit) in [
            ("0000:00:0f.7", false), ("0000:00:10.0", true), ("0000:00:11.0", true), ("0000:00:11.1", false),
        ] {
            let function = try #require(kept.pciFunction(address))
            #expect(function.kind == .pciFunction && function.hostBridge == "rc:0" && function.id == address)
            #expect(function.firmwareRegions.isEmpty == !isHit, "\(address)")
        }
        #expect(kept.devices[0].firmwareRegions.isEmpty)
        #expect(kept.devices[0].unappliedRegions.map(\.reason) == [.rmrOfSingleFunctions])
        for stranger in [
            "0001:00:10.0", "0000:00:20.0", "0000:00:10.8", "00:10.0", "0000:00:10", "0000:0:10.0", "",
            "0000:00:+1.0", "0000:00:10.0.0", "fffffffff:00:00.0",
        ] { #expect(kept.pciFunction(stranger) == nil, "\(stranger)") }
    }

    @Test func rangesForTheWholeBusApplyToTheRootComplex() throws {
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        let table = machine(ranges: [(0x800_0000, 0)], streams: (0, 0xffff)).table()
        let platform = try ACPIReader.read([table], facts)
        #expect(platform.devices[0].firmwareRegions.map(\.length) == [0])
        #expect(codes(platform).contains("rmr-zero-length"))
    }

    @Test func oddRangesAreReported() throws {
        let platform = try ACPIReader.read([
            machine(ranges: [
                (0x8000_1800, 0x1000), (0x8000_2000, 0x100), (.max - 0xffff, 0x2_0000), (0x1_0000, 0x1_0000),
            ]).table()
        ])
        #expect(
            Set(codes(platform)).isSuperset(of: ["rmr-not-aligned", "rmr-range-wraps", "rmr-ranges-overlap"]))
        let wraps = try #require(platform.findings.first { $0.code == "rmr-range-wraps" })
        #expect(wraps.location == "IORT:0xd8" && wraps.severity == .error)
    }

    @Test func hardwareMSI() throws {
        let tables = [machine(model: 1).table(), ACPITableBuilder.madt(its: [(0, 0xc600_0000)])]
        let region = try #require(try ACPIReader.read(tables).devices.first?.firmwareRegions.first)
        #expect(region.kind == .msi && region.start == 0xc601_0000 && region.length == 0x1_0000)
        let alone = try ACPIReader.read([tables[0]])
        #expect(alone.devices[0].firmwareRegions.isEmpty)
        #expect(codes(alone).contains("hardware-msi-unknown"))
        let other = try ACPIReader.read([machine(model: 2).table(), tables[1]])
        #expect(other.devices[0].firmwareRegions.isEmpty)
    }

    @Test func framesServeMachinesWithoutITS() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x1000)
        builder.rootComplex(segment: 0, [.init(0, 0xff, 0, to: smmu)])
        let madt = ACPITableBuilder.madt(frames: [(0, 0x2c1c_0000), (1, 0x2c1d_0000)])
        let platform = try ACPIReader.read([builder.table(), madt])
        #expect(platform.devices[0].msiControllers == ["v2m:0"])
        #expect(platform.msiControllers.map { $0.doorbell?.value } == [0x2c1c_0040, 0x2c1d_0040])
    }

    @Test func onlyWhatReachesAnSMMUIsListed() throws {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: its)])
        builder.namedComponent("\\_SB.USB0", [])
        let platform = try ACPIReader.read([builder.table()])
        #expect(platform.devices.isEmpty)
        #expect(codes(platform).contains("no-smmu"))
        #expect(codes(platform).filter { $0 == "not-behind-smmu" }.count == 2)
    }

    @Test func severalTablesInOneFile() throws {
        let iort = machine().table()
        let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
        let other = ACPITableBuilder.table("GTDT", revision: 1, [1, 2, 3])
        let joined = madt + other + [0, 0, 0, 0] + iort
        let fromDump = Array(ACPITableBuilder.dump([iort, other, madt]).utf8)
        let platforms = [
            try ACPIReader.read([iort, madt, other]), try ACPIReader.read([joined]),
            try ACPIReader.read([fromDump]),
        ]
        for platform in platforms {
            #expect(platform.devices == platforms[0].devices && platform.smmus == platforms[0].smmus)
            #expect(platform.msiControllers == platforms[0].msiControllers)
            #expect(codes(platform).contains("table-not-read"))
        }
        let trailing = try ACPIReader.read([iort + Array("nothing of ours".utf8)])
        #expect(codes(trailing).contains("trailing-bytes"))
        #expect(
            throws: ACPIError.secondTable(
                first: "IORT at offset 0x0", second: "IORT at offset 0x" + String(iort.count, radix: 16))
        ) {
            try ACPIReader.read([iort + iort])
        }
        #expect(throws: ACPIError.noIORT(found: ["APIC at offset 0x0"])) { try ACPIReader.read([madt]) }
        #expect(throws: ACPIError.self) { try ACPIReader.read([iort + madt.dropLast()]) }
    }

    /// A dump of everything begins with the root pointer, and has a FACS, which has no checksum.
    @Test func dumpsOfEverything() throws {
        let root = Array("RSD PTR ".utf8) + [0] + Array("SOMEIV".utf8) + [2, 0, 0, 0, 0, 36, 0, 0, 0]
        let pointer = root + [UInt8](repeating: 0, count: 36 - root.count)
        var facs = ACPITableBuilder.table("FACS", revision: 2, [UInt8](repeating: 0, count: 28))
        facs[9] &+= 1
        let tables = [pointer, facs, machine().table(), ACPITableBuilder.madt(its: [(0, 0x808_0000)])]
        let text = ACPITableBuilder.dump(tables)
        for header in ["RSD  @", "RSD PTR @", "RSD PTR  @"] {
            let dump = Array(text.replacing("RSD  @", with: header).utf8)
            #expect(InputKind.sniff(dump) == .acpiDump, "\(header)")
            let platform = try ACPIReader.read([dump])
            #expect(codes(platform) == ["table-not-read", "pci-windows-unknown"], "\(platform.findings)")
            #expect(platform.msiControllers.map(\.doorbell) == [PhysicalAddress(0x809_0040)])
        }
        let binary = tables.flatMap(\.self)
        #expect(InputKind.sniff(binary) == .acpiTables)
        #expect(codes(try ACPIReader.read([binary])) == ["table-not-read", "pci-windows-unknown"])
        let alone = #expect(throws: ACPIError.self) { try ACPIReader.read([pointer]) }
        #expect(alone == .noIORT(found: []))
    }

    @Test func dumpsMustBeWhole() throws {
        let text = ACPITableBuilder.dump([machine().table()])
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(throws: Never.self) { try ACPIReader.read([Array(lines.joined(separator: "\r\n").utf8)]) }
        let lost = lines.remove(at: 4)
        #expect(throws: ACPIError.dumpOffsetWrong(line: 5, expected: 0x30)) {
            try ACPIReader.read([Array(lines.joined(separator: "\n").utf8)])
        }
        lines.insert(lost.replacing("0030: ", with: "0030: G"), at: 4)
        #expect(throws: ACPIError.dumpLineUnreadable(line: 5)) {
            try ACPIReader.read([Array(lines.joined(separator: "\n").utf8)])
        }
    }

    @Test func tooMuchIsRefused() throws {
        var builder = IORTBuilder()
        for _ in 0...ACPILimits.nodesMax { builder.add(type: 9, revision: 0, []) }
        #expect(throws: ACPIError.tooManyNodes(limit: ACPILimits.nodesMax)) {
            try ACPIReader.read([builder.table()])
        }
        builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0)
        let many = (0..<3_000).map { IORTBuilder.Mapping($0, 0, $0, to: smmu) }
        for segment in 0..<3 { builder.rootComplex(segment: UInt32(segment), many) }
        #expect(throws: ACPIError.tooManyMappings(limit: ACPILimits.mappingsMax)) {
            try ACPIReader.read([builder.table()])
        }
        let long = ACPITableBuilder.table(
            "IORT", revision: 6, [UInt8](repeating: 0, count: ACPILimits.tableBytesMax))
        #expect(throws: ACPIError.self) { try ACPIReader.read([long]) }
    }

    @Test func namesMayRepeat() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x1000)
        let first = builder.namedComponent("\\_SB.A", [.init(0, 0, 1, to: smmu, single: true)])
        let second = builder.namedComponent("\\_SB.A", [.init(0, 0, 2, to: smmu, single: true)])
        let platform = try ACPIReader.read([builder.table()])
        #expect(first != second)
        #expect(platform.devices.map(\.id) == ["\\_SB.A", "\\_SB.A@0x" + String(second, radix: 16)])
        #expect(platform.devices.map(\.active) == [true, false])
    }
}
