// ACPI guests with a virtio-iommu: which functions and devices a VIOT puts behind it, and what becomes of
// damage. The tables are written by us.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct VIOTTests {
    /// As an emulator makes it: every function of segment 0 behind a virtio-iommu on the same bus.
    private static let emulator: [UInt8] = {
        var builder = VIOTBuilder()
        let unit = builder.pciUnit(segment: 0, requester: 0xf0)
        builder.pciRange(endpoint: 0, segments: (0, 0), requesters: (0, 0xff), to: unit)
        return builder.table()
    }()

    /// An ITS group and a root complex without an SMMU.
    private static func iort(segments: [UInt32] = [0]) -> [UInt8] {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        for segment in segments { builder.rootComplex(segment: segment, [.init(0, 0xffff, 0, to: its)]) }
        return builder.table()
    }

    private static let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])

    private func read(
        _ viot: [UInt8], segments: [UInt32] = [0], spoil: (inout [UInt8]) -> Void = { _ in }
    ) throws -> Platform {
        var viot = viot
        spoil(&viot)
        return try ACPIReader.read(
            [Self.iort(segments: segments), Self.madt, ACPITableBuilder.resummed(viot)])
    }

    private func codes(_ platform: Platform) -> [String] {
        platform.findings.filter { $0.location.hasPrefix("VIOT") }.map { "\($0.code) \($0.location)" }
    }

    @Test func functionsAreBehindTheUnitButItself() throws {
        let platform = try read(Self.emulator)
        #expect(platform.smmus.map(\.id) == ["virtio-iommu@0000:00:1e.0"])
        #expect(platform.smmus.map(\.version) == [.virtio])
        let bridge = try #require(platform.devices.first { $0.id == "rc:0" })
        #expect(platform.driver(of: bridge) == .virtio && bridge.msiControllers == ["its:0"])
        let function = try #require(platform.pciFunction("0000:00:11.0"))
        #expect(function.streams.map(\.smmu) == ["virtio-iommu@0000:00:1e.0"])
        #expect(platform.isUndecided(function))
        for other in ["0000:00:1e.0", "0000:01:00.0"] {
            #expect(platform.pciFunction(other)?.missingIOMMU == .noMapping, "\(other)")
        }
        #expect(codes(platform).isEmpty && !platform.findings.contains { $0.code == "no-smmu" })
    }

    /// Mappings of an SMMU beside it that reach the last ID that there is, or would pass it.
    @Test func mappingsUpToTheLastID() throws {
        for (base, lastIndex) in [(UInt32(1), UInt32.max - 1), (1, .max), (.max, 0), (.max, 1), (0, .max)] {
            var builder = IORTBuilder()
            let smmu = builder.smmuV3(base: 0x1000)
            builder.rootComplex(segment: 0, [.init(base, lastIndex, 0, to: smmu)])
            let platform = try ACPIReader.read([builder.table(), Self.madt, Self.emulator])
            #expect(platform.devices.contains { $0.id == "rc:0" }, "\(base) \(lastIndex)")
        }
    }

    /// Endpoint IDs count from the range's first; of two ranges that hold a function the first counts.
    @Test func endpointsFollowTheirRange() throws {
        var builder = VIOTBuilder()
        let first = builder.pciUnit(segment: 3, requester: 0)
        let second = builder.mmioUnit(base: 0xa00_0000)
        builder.pciRange(endpoint: 0x1000, segments: (1, 2), requesters: (0x100, 0x1ff), to: first)
        builder.pciRange(endpoint: 0x9000, segments: (2, 2), requesters: (0x180, 0x27f), to: second)
        builder.mmioEndpoint(endpoint: 0x77, base: 0x900_0000, to: second)
        let platform = try read(builder.table(), segments: [1, 2])
        #expect(platform.smmus.map(\.id) == ["virtio-iommu@0003:00:00.0", "virtio-iommu@a000000"])
        let streams = try #require(platform.devices.first { $0.id == "rc:2" }).streams
        #expect(
            streams == [
                StreamMapping(
                    smmu: "virtio-iommu@0003:00:00.0",
                    kind: .idMap(idBase: 0x100, length: 0x100, output: [0x1_1000])),
                StreamMapping(
                    smmu: "virtio-iommu@a000000", kind: .idMap(idBase: 0x200, length: 0x80, output: [0x9080])),
            ])
        let device = try #require(platform.devices.first { $0.kind == .platform })
        #expect(device.id == "mmio@9000000")
        #expect(device.streams.map(\.kind) == [.specifier([0x77])])
    }

    /// A range may name segments that nothing else does, and a machine may have no IORT.
    @Test func aTableStandsAlone() throws {
        let platform = try ACPIReader.read([Self.emulator, Self.madt])
        #expect(platform.devices.map(\.id) == ["rc:0"])
        #expect(platform.devices.map(\.msiControllers) == [["its:0"]])
        #expect(platform.findings.contains { $0.code == "no-iort" })
        let dump = ACPITableBuilder.dump([Self.iort(), Self.emulator])
        #expect(try ACPIReader.read([Array(dump.utf8)]).devices.map(\.id) == ["rc:0"])
    }

    @Test func everyMistakeHasAPlace() throws {
        let damage: [(String, (inout [UInt8]) -> Void)] = [
            ("viot-node-offset-wrong VIOT:0x26", { $0[38] = 0xff }),
            ("viot-node-past-end VIOT:0x40", { $0[66] = 25 }),
            ("viot-node-past-end VIOT:0x30", { $0[50] = 3 }),
            ("viot-node-too-short VIOT:0x40", { ($0[66], $0[36]) = (20, 3) }),
            ("viot-node-unknown VIOT:0x40", { $0[64] = 9 }),
            ("viot-bytes-left VIOT:0x40", { $0[36] = 1 }),
            ("viot-output-wrong VIOT:0x40", { $0[80] = 0x40 }),
            ("viot-range-backwards VIOT:0x40", { $0[77] = 1 }),
            ("viot-node-past-end VIOT:0x58", { $0[36] = 3 }),
        ]
        for (code, spoil) in damage {
            let found = codes(try read(Self.emulator, spoil: spoil))
            #expect(found.contains(code), "\(code): \(found)")
        }
        var twice = VIOTBuilder()
        twice.mmioUnit(base: 0x1000)
        twice.mmioUnit(base: 0x1000)
        #expect(codes(try read(twice.table())) == ["viot-unit-twice VIOT:0x40"])
        let short = ACPITableBuilder.table("VIOT", revision: 0, [1, 0])
        #expect(codes(try read(short)) == ["viot-too-short VIOT:0x26"])
    }

    /// Cut at every byte and with every byte spoiled, the table is read or refused, and never out of bounds.
    @Test func damageIsSurvived() {
        var builder = VIOTBuilder()
        let unit = builder.pciUnit(segment: 0, requester: 0xf0)
        builder.pciRange(endpoint: .max, segments: (0, .max), requesters: (0, .max), to: unit)
        builder.mmioEndpoint(endpoint: 1, base: .max, to: builder.mmioUnit(base: .max))
        let table = builder.table()
        for count in 0..<table.count {
            _ = try? ACPIReader.read([Self.iort(), Array(table.prefix(count))])
            guard count >= 36 else { continue }
            var cut = Array(table.prefix(count))
            cut[4] = UInt8(count)
            _ = try? ACPIReader.read([Self.iort(), ACPITableBuilder.resummed(cut)])
        }
        for place in 36..<table.count {
            for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                var spoiled = table
                spoiled[place] = value
                _ = try? ACPIReader.read([Self.iort(), ACPITableBuilder.resummed(spoiled)])
            }
        }
    }
}
