// What an IORT's findings say, and how badly: damage is an error, what Linux calls a firmware bug and lives
// with is a warning. Tables are written by us.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct TableFindingTests {
    private typealias Mapping = IORTBuilder.Mapping

    /// ITS group at 0x30, SMMUv3 at 0x48, a root complex and what `more` adds, given the SMMU's offset.
    private func read(
        rootComplex: [(UInt32, UInt32, UInt32)] = [(0, 0xffff, 0)],
        _ more: (inout IORTBuilder, UInt32) -> Void = { _, _ in }, spoil: (inout [UInt8]) -> Void = { _ in }
    ) throws -> Platform {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, rootComplex.map { .init($0.0, $0.1, $0.2, to: smmu) })
        more(&builder, smmu)
        var table = builder.table()
        spoil(&table)
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        return try ACPIReader.read([ACPITableBuilder.resummed(table)], facts)
    }

    private func severity(_ code: String, _ platform: Platform) -> Finding.Severity? {
        platform.findings.first { $0.code == code }?.severity
    }

    @Test func whatLinuxLivesWithIsNoError() throws {
        let platform = try read { builder, smmu in
            builder.memoryRanges(
                [(0x8000_0000, 0x2_0000), (0x8001_0000, 0x2_0000), (0x9000_0000, 0)],
                [.init(0, 0, 0x100, to: smmu)])
            builder.memoryRanges([(0xa000_0000, 0x1_0000)], [])
            builder.memoryRanges([], [.init(0, 0, 0x100, to: smmu)])
            builder.memoryRanges([(0xa000_0000, 0x1_0000)], [.init(0, 0, 0x100, to: 0x30)])
            let other = builder.smmuV3(base: 0x1000, [.init(0, 0, 0, to: 0x30, single: true)])
            builder.rootComplex(segment: 1, [.init(0, 0, 0, to: other)])
        }
        for code in [
            "rmr-ranges-overlap", "rmr-zero-length", "rmr-without-mapping", "rmr-without-ranges",
            "rmr-mapping-not-smmu", "single-mapping-not-allowed",
        ] { #expect(severity(code, platform) == .warning, "\(code)") }
        #expect(!platform.findings.contains { $0.severity == .error }, "\(platform.findings)")
        // Overlapping and empty ranges stay, the others reach nobody.
        #expect(platform.memoryRanges.map { $0.regions.map(\.length) } == [[0x2_0000, 0x2_0000, 0]])
        let function = try #require(platform.pciFunction("0000:01:00.0"))
        #expect(function.firmwareRegions.map(\.start) == [0x8000_0000, 0x8001_0000, 0x9000_0000])
    }

    @Test func nodesOfUnknownTypesAndBeyondTheCountAreTold() throws {
        let unknown = try read { builder, _ in builder.add(type: 7, revision: 0, [1, 2, 3, 4]) }
        let finding = try #require(unknown.findings.first { $0.code == "node-type-unknown" })
        #expect(finding.location == "IORT:0xd8" && finding.severity == .warning)
        let short = try read(spoil: { $0[36] = 2 })
        let behind = try #require(short.findings.first { $0.code == "bytes-behind-nodes" })
        #expect(behind.location == "IORT:0xa0" && behind.detail.hasPrefix("56 bytes"), "\(behind)")
        #expect(short.devices.isEmpty)
        let none = try read(spoil: { $0[36] = 0 })
        #expect(severity("no-nodes", none) == .warning)
        #expect(severity("bytes-behind-nodes", try read()) == nil)
    }

    @Test func unknownModelsOfOldSMMUs() throws {
        let platform = try read { builder, _ in
            var content = LittleEndian()
            content.add(UInt64(0x20_0000))
            content.add(UInt64(0x2_0000))
            content.add(UInt32(77))
            for _ in 0..<6 { content.add(UInt32(0)) }
            builder.add(type: 3, revision: 3, content.bytes)
        }
        let finding = try #require(platform.findings.first { $0.code == "smmu-model-unknown" })
        #expect(finding.location == "IORT:0xd8" && finding.detail.contains("77"))
        #expect(platform.smmus.map(\.id) == ["smmuv3@9050000", "smmu@200000"])
    }

    @Test func oddNodesAreTold() throws {
        let platform = try read { builder, smmu in
            builder.itsGroup([])
            builder.smmuV3(base: 0x905_0000)
            builder.smmuV3(base: .max - 0xfff)
            builder.namedComponent("\\_SB.\u{1b}A", [.init(0, 0, 1, to: smmu, single: true)])
        }
        for (code, place) in [
            ("its-group-empty", "IORT:0xd8"), ("duplicate-smmu", "IORT:0xec"),
            ("smmu-registers-wrong", "IORT:0x130"), ("name-not-printable", "IORT:0x174"),
        ] {
            let finding = platform.findings.first { $0.code == code }
            #expect(finding?.location == place && finding?.severity == .warning, "\(code)")
        }
        #expect(platform.smmus.map(\.id).count == Set(platform.smmus.map(\.id)).count)
        #expect(platform.devices.last?.id == "\\_SB.?A")
    }

    /// The kernel adds base and count in 32 bits: such a range ends before it begins, and holds nothing.
    @Test func rangesThatPassTheLastIDHoldNone() throws {
        let platform = try read(rootComplex: [(0x100, .max, 0), (0x200, 0xff, 0x4000)]) { builder, smmu in
            builder.memoryRanges([(0x800_0000, 0x1_0000)], [.init(0, .max, 0x4001, to: smmu)])
        }
        #expect(severity("id-mapping-wraps", platform) == .error)
        let streams = try #require(platform.devices.first?.streams)
        #expect(streams.map(\.kind) == [.idMap(idBase: 0x200, length: 0x100, output: [0x4000])])
        #expect(platform.memoryRanges.isEmpty)
        #expect(try #require(platform.pciFunction("0000:02:00.1")).firmwareRegions.isEmpty)
        // All 2^32 IDs do not wrap.
        let all = try read(rootComplex: [(0, .max, 0)])
        #expect(severity("id-mapping-wraps", all) == nil && all.devices.count == 1)
    }

    @Test func aRangeEndsWhatLinuxGivesAComponent() throws {
        let platform = try read { builder, smmu in
            builder.namedComponent(
                "\\_SB.A",
                [
                    .init(0, 0, 0x10, to: smmu, single: true), .init(0, 3, 0x20, to: smmu),
                    .init(0, 0, 0x30, to: smmu, single: true),
                ])
            builder.namedComponent("\\_SB.B", [.init(0, 3, 0x40, to: smmu)])
            builder.namedComponent("\\_SB.C", [.init(0, 0, 0x50, to: smmu, single: true)])
        }
        let details = platform.findings.filter { $0.code == "named-component-ranges" }.map(\.detail)
        try #require(details.count == 2)
        #expect(details[0].contains("mapping 1") && details[0].contains("the first 1"), "\(details[0])")
        #expect(details[1].contains("mapping 0") && details[1].contains("no stream ID"), "\(details[1])")
    }

    /// Linux asks for each mapping's IDs in order, and one that leads to an ITS group only ends that.
    @Test func aMappingWithoutSMMUEndsWhatLinuxGivesAComponent() throws {
        let platform = try read { builder, smmu in
            let group = builder.itsGroup([0])
            builder.namedComponent(
                "\\_SB.A",
                [.init(0, 0, 0x10, to: group, single: true), .init(0, 0, 0x20, to: smmu, single: true)])
            builder.namedComponent(
                "\\_SB.B",
                [
                    .init(0, 0, 0x30, to: smmu, single: true), .init(0, 0, 0x10, to: group, single: true),
                    .init(0, 0, 0x40, to: smmu, single: true),
                ])
            builder.namedComponent(
                "\\_SB.C", [.init(0, 3, 0x10, to: group), .init(0, 0, 0x50, to: smmu, single: true)])
            // Nothing is skipped here.
            builder.namedComponent(
                "\\_SB.D",
                [.init(0, 0, 0x60, to: smmu, single: true), .init(0, 0, 0x10, to: group, single: true)])
        }
        let components = platform.devices.filter { $0.kind == .namedComponent }
        #expect(components.map(\.id) == ["\\_SB.B", "\\_SB.D"])
        #expect(
            components.map { $0.streams.map(\.kind) } == [[.specifier([0x30])], [.specifier([0x60])]])
        let details = platform.findings.filter { $0.code == "named-component-stops" }.map(\.detail)
        try #require(details.count == 3)
        #expect(details[0].contains("mapping 0") && details[0].contains("has no IOMMU"), "\(details[0])")
        #expect(details[1].contains("mapping 1") && details[1].contains("1 before it"), "\(details[1])")
        #expect(details[2].contains("mapping 0") && details[2].contains("no single mapping"), "\(details[2])")
    }

    @Test func performanceCountersNameTheirSMMU() throws {
        let platform = try read { builder, smmu in
            for reference in [smmu, smmu + 4, 0] {
                var content = LittleEndian()
                content.add(UInt64(0x1_0000))
                content.add(UInt32(0))
                content.add(UInt32(reference))
                content.add(UInt64(0x2_0000))
                builder.add(type: 5, revision: 2, content.bytes)
            }
        }
        let findings = platform.findings.filter { $0.code == "node-reference-wrong" }
        #expect(findings.map(\.location) == ["IORT:0x100", "IORT:0x128"])
        #expect(findings.allSatisfy { $0.severity == .warning })
    }

    @Test func refusalsNameAPlace() throws {
        var builder = IORTBuilder()
        builder.itsGroup([0])
        for (length, place) in [(36, "0x24"), (40, "0x28"), (47, "0x2f")] {
            var table = Array(builder.table().prefix(length))
            table[4] = UInt8(length)
            let error = #expect(throws: ACPIError.self) { try ACPIReader.read([table]) }
            #expect(error?.reason.contains(place) == true, "\(String(describing: error?.reason))")
        }
        var other = builder.table()
        other.replaceSubrange(0..<4, with: Array("IROT".utf8))
        let error = #expect(throws: ACPIError.self) { try ACPIReader.read([other]) }
        #expect(error?.reason.contains("IROT at offset 0x0") == true)
    }
}
