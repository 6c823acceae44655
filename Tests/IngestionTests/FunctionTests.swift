// PCI functions behind one root complex that leads to several SMMUs and ITSs: each has the stream ID, the
// doorbell and the hardware MSI regions of its own requester ID, and not those of its neighbours.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FunctionTests {
    /// Buses 0 to 0x7f behind a Hi161x, whose lower half leads to ITS 1 and 2; the others behind another.
    private func machine() throws -> Platform {
        var builder = IORTBuilder()
        let plain = builder.itsGroup([0])
        let pair = builder.itsGroup([1, 2])
        let none = builder.itsGroup([])
        let hisilicon = builder.smmuV3(
            base: 0x1000_0000, model: 1,
            [
                .init(0x4000, 0xfff, 0, to: plain), .init(0, 0x3fff, 0, to: pair),
                .init(0x5000, 0xfff, 0, to: none),
            ])
        let other = builder.smmuV3(base: 0x2000_0000, [.init(0, 0xffff, 0, to: plain)])
        builder.rootComplex(
            segment: 0, [.init(0, 0x7fff, 0, to: hisilicon), .init(0x8000, 0x7fff, 0x8000, to: other)])
        let madt = ACPITableBuilder.madt(its: [(0, 0xc000_0000), (1, 0xc100_0000), (2, 0xc200_0000)])
        return try ACPIReader.read([builder.table(), madt])
    }

    @Test(arguments: [
        ("0000:00:01.0", "smmuv3@10000000", ["its:1"], [UInt64(0xc101_0000), 0xc201_0000]),
        ("0000:3f:1f.7", "smmuv3@10000000", ["its:1"], [0xc101_0000, 0xc201_0000]),
        ("0000:40:00.0", "smmuv3@10000000", ["its:0"], [0xc001_0000]),
        ("0000:50:00.0", "smmuv3@10000000", [], []), ("0000:60:00.0", "smmuv3@10000000", [], []),
        ("0000:80:00.0", "smmuv3@20000000", ["its:0"], []),
    ])
    func functionsHaveTheirOwn(
        address: String, smmu: String, controllers: [String], regions: [UInt64]
    ) throws {
        let function = try #require(try machine().pciFunction(address))
        #expect(function.smmus == [smmu])
        #expect(function.msiControllers == controllers)
        #expect(function.firmwareRegions.map(\.start) == regions)
        #expect(function.firmwareRegions.allSatisfy { $0.kind == .msi && $0.length == 0x1_0000 })
    }

    @Test func theRootComplexTakesItsFirstStream() throws {
        let root = try #require(try machine().devices.first)
        #expect(root.firmwareRegions.map(\.start) == [0xc101_0000, 0xc201_0000])
        #expect(Set(root.msiControllers) == ["its:0", "its:1"])
    }

    /// Many SMMUs that share a node with many mappings would multiply its ranges.
    @Test func rangesWithoutEndAreRefused() throws {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let shared = builder.rootComplex(
            segment: 0, (0..<2_000).map { .init(UInt32($0) * 2, 0, UInt32($0) * 2, to: its) })
        for place in 0..<20 {
            builder.smmuV3(base: UInt64(place) << 20, model: 1, [.init(0, 0xffff, 0, to: shared)])
        }
        #expect(throws: ACPIError.tooManyStreams(limit: ACPILimits.streamsMax)) {
            try ACPIReader.read([builder.table()])
        }
    }

    /// A single mapping gives one stream ID to all requesters that reach it, and to no others.
    @Test func singleMappingsBehindRanges() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x1000_0000)
        let inner = builder.rootComplex(segment: 1, [.init(0, 0, 0x55, to: smmu, single: true)])
        builder.rootComplex(segment: 0, [.init(0x100, 0xff, 0, to: inner)])
        builder.rootComplex(
            segment: 2, [.init(8, 7, 0x20, to: smmu), .init(0, 0, 0x66, to: smmu, single: true)])
        let platform = try ACPIReader.read([builder.table()])
        func stream(_ address: String) -> [StreamMapping.Kind]? {
            platform.pciFunction(address)?.streams.map(\.kind)
        }
        #expect(stream("0000:01:00.0") == [.specifier([0x55])])
        #expect(stream("0000:01:1f.7") == [.specifier([0x55])])
        #expect(stream("0000:00:00.0") == [] && stream("0000:02:00.0") == [])
        #expect(platform.pciFunction("0000:02:00.0")?.lacksIOMMU == true)
        #expect(stream("0001:ff:00.0") == [.specifier([0x55])])
        #expect(stream("0002:00:01.1") == [.specifier([0x21])])
        #expect(stream("0002:00:00.0") == [.specifier([0x66])])
        #expect(stream("0002:ff:1f.7") == [.specifier([0x66])])
        let outer = try #require(platform.devices.first { $0.id == "rc:0" })
        #expect(outer.streams.map(\.kind) == [.constant(idBase: 0x100, length: 0x100, output: 0x55)])
        #expect(outer.stream(ofRequester: 0x1ff)?.id == 0x55 && outer.stream(ofRequester: 0x200) == nil)
    }
}
