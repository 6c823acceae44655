// Configuration space of segments and buses, from an MCFG, held against root complexes and host bridges.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct MCFGTests {
    private func iort(_ segments: [UInt32], last: UInt32 = 0xffff) -> [UInt8] {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        for segment in segments { builder.rootComplex(segment: segment, [.init(0, last, 0, to: smmu)]) }
        return builder.table()
    }

    /// A bridge of buses 0 to `last`, with other terms.
    private func dsdt(segment: UInt8, last: UInt8 = 0xff, _ more: [UInt8] = []) -> [UInt8] {
        let buses: [UInt8] =
            [0x88, 0x0d, 0, 2, 0x0c, 0, 0, 0, 0, 0, last, 0, 0, 0]
            + [UInt8(truncatingIfNeeded: Int(last) + 1), UInt8((Int(last) + 1) >> 8)]
        let resources = AMLFixture.name("_CRS", AMLFixture.buffer(buses + AMLFixture.window))
        let number = AMLFixture.name("_SEG", [0x0a, segment])
        return AMLFixture.table(AMLFixture.bridge(number + resources + more))
    }

    private func found(_ tables: [[UInt8]]) throws -> [String] {
        try ACPIReader.read(tables).findings.filter { $0.code != "pci-windows-unknown" }
            .map { "\($0.code) \($0.location)" }
    }

    private let all = ACPITableBuilder.mcfg([(0, 0, 0xff)])

    @Test func agreeingTablesSayNothing() throws {
        #expect(try found([iort([0]), all, dsdt(segment: 0)]) == [])
        #expect(try found([iort([0]), all]) == [])
        let dump = Array(ACPITableBuilder.dump([iort([0]), all, dsdt(segment: 0)]).utf8)
        #expect(try found([dump]) == [])
        let twice = #expect(throws: ACPIError.self) { try ACPIReader.read([iort([0]), all, all]) }
        guard case .secondTable? = twice else {
            Issue.record("two of them")
            return
        }
    }

    @Test func rootComplexes() throws {
        #expect(
            try found([iort([0, 2]), ACPITableBuilder.mcfg([(0, 0, 0xff), (5, 0, 0xff)])])
                == ["mcfg-segment-missing IORT:0xac", "mcfg-without-root-complex MCFG:0x3c"])
        // Buses whose functions have no stream IDs.
        let platform = try ACPIReader.read([iort([0], last: 0x3fff), all])
        let finding = try #require(platform.findings.first { $0.code == "mcfg-buses-unmapped" })
        #expect(finding.detail.contains("Buses 0x40 to 0xff of segment 0") && finding.severity == .info)
        #expect(
            try found([iort([0], last: 0x3fff), ACPITableBuilder.mcfg([(0, 0, 0x1f), (0, 0x20, 0x3f)])])
                == [])
    }

    @Test func hostBridges() throws {
        let half = ACPITableBuilder.mcfg([(0, 0, 0x7f), (1, 0, 0x7f)])
        #expect(try found([iort([0, 1]), half, dsdt(segment: 0)]) == ["mcfg-bridge-outside DSDT:0x2e"])
        #expect(try found([iort([0, 1]), half, dsdt(segment: 0, last: 0x7f)]) == [])
        // No single entry holds the buses.
        let parts = ACPITableBuilder.mcfg([(0, 0, 0x7f), (0, 0x80, 0xff)])
        #expect(try found([iort([0]), parts, dsdt(segment: 0)]) == ["mcfg-bridge-outside DSDT:0x2e"])
        // A bridge with an address of its own asks no table.
        let own = AMLFixture.name("_CBA", [0x0c, 0, 0, 0, 0x40])
        #expect(try found([iort([3]), ACPITableBuilder.mcfg([]), dsdt(segment: 3, own)]) == [])
        let other = AMLFixture.name("_BBN", [0x0a, 0x10])
        #expect(try found([iort([0]), all, dsdt(segment: 0, other)]) == ["bbn-contradicts DSDT:0x2e"])
    }

    @Test func damagedTables() throws {
        func codes(_ table: [UInt8]) throws -> [String] {
            try found([iort([0]), ACPITableBuilder.resummed(table)]).filter { $0.contains("MCFG") }
        }
        #expect(try codes(ACPITableBuilder.table("MCFG", revision: 1, [1])) == ["mcfg-too-short MCFG:0x25"])
        #expect(
            try codes(ACPITableBuilder.table("MCFG", revision: 1, Array(all[36...]) + [1, 2]))
                == ["mcfg-bytes-left MCFG:0x3c"])
        #expect(
            try codes(ACPITableBuilder.mcfg([(0, 9, 8)])) == ["mcfg-range-backwards MCFG:0x2c"])
        #expect(
            try codes(ACPITableBuilder.mcfg([(0, 0, 8), (0, 8, 9)])) == ["mcfg-entries-overlap MCFG:0x3c"])
        let many = (0...ACPILimits.mcfgEntriesMax).map { (UInt16($0), UInt8(0), UInt8(1)) }
        #expect(try codes(ACPITableBuilder.mcfg(many)).first == "mcfg-too-many-entries MCFG:0x2c")
    }
}
