// Who has a stream ID, asked from both ends: which stream each requester reaches, and whose a fault's stream
// is. Masks, entries that hide others, and IDs that wrap; every requester of a small bus is asked.

import AddressSpaces
import Machines
import Testing

@testable import MSIWindows

@Suite struct StreamTests {
    private typealias Kind = StreamMapping.Kind

    private static func smmu(_ id: String, _ start: UInt64 = 0) -> SMMU {
        SMMU(
            id: id, version: .v3, compatible: [],
            registers: start == 0 ? [] : [PhysicalRange(proven: start, start + 0xffff)], enabled: true,
            iommuCells: 1, coherentWalk: true)
    }

    private static func platform(_ device: Device, _ smmus: [SMMU] = [smmu("/a"), smmu("/b")]) -> Platform {
        Platform(source: .deviceTree, smmus: smmus, devices: [device])
    }

    private static let tables: [[(smmu: String, kind: Kind)]] = [
        [("/a", .idMap(idBase: 0, length: 0x100, output: [0x40]))],
        [
            ("/a", .idMap(idBase: 0x10, length: 0x20, output: [0])),
            ("/b", .idMap(idBase: 0, length: 0x80, output: [0])),
        ],
        [
            ("/a", .idMap(idBase: 0, length: 0x80, output: [0])),
            ("/a", .idMap(idBase: 8, length: 8, output: [0x90])),
        ],
        [
            ("/a", .idMap(idBase: 0, length: 0, output: [3])),
            ("/b", .idMap(idBase: 4, length: 4, output: [3])),
        ],
        [
            ("/a", .constant(idBase: 0x10, length: 8, output: 5)),
            ("/a", .idMap(idBase: 0, length: 9, output: [0])),
        ],
        [("/a", .idMap(idBase: 0, length: 0x10, output: [0xffff_fff8]))],
    ]

    @Test(arguments: [UInt32.max, 0xff, 0xf8, 0x07, 0x1ff])
    func faultsFindWhoReachesAStream(mask: UInt32) {
        for table in Self.tables {
            var host = Device(
                id: "/pcie", kind: .pciHost,
                streams: table.map { StreamMapping(smmu: $0.smmu, kind: $0.kind) })
            host.requesterMask = mask
            var reached: Set<String> = []
            for requester in UInt32(0)..<0x400 {
                guard let stream = host.stream(ofRequester: requester) else { continue }
                reached.insert("\(stream.iommu) \(stream.id)")
                #expect(
                    host.streams(ofRequester: requester) == [
                        StreamMapping(smmu: stream.iommu, kind: .specifier([stream.id]))
                    ])
            }
            let platform = Self.platform(host)
            for smmu in platform.smmus {
                for stream in Array(0..<0x200) + [0xffff_fff8, .max] as [UInt32] {
                    var fault = SMMUFault(
                        .armSMMUv3, smmu: smmu.id, line: 1, event: "F_TRANSLATION", cause: .translation)
                    fault.streamID = stream
                    let found = FaultScene.devices(of: fault, smmu, in: platform).map(\.id)
                    let isReached = reached.contains("\(smmu.id) \(stream)")
                    #expect(
                        found == (isReached ? ["/pcie"] : []), "\(table) mask \(mask): \(smmu.id) \(stream)")
                    let entries = host.entries(of: stream, on: [smmu.id])
                    for requester in entries.compactMap(\.requester) {
                        #expect(host.stream(ofRequester: requester)! == (smmu.id, stream))
                    }
                }
            }
        }
    }

    /// A view of an ACPI function and a fault of it name the same stream.
    @Test func functionsOfRootComplexes() throws {
        let root = Device(
            id: "rc:2", kind: .rootComplex,
            streams: [
                StreamMapping(smmu: "/a", kind: .idMap(idBase: 0x100, length: 0x100, output: [0x4000])),
                StreamMapping(smmu: "/b", kind: .constant(idBase: 0x200, length: 0x100, output: 7)),
            ])
        let platform = Self.platform(root)
        for requester in UInt32(0)..<0x400 {
            let address = Platform.address(segment: 2, requester)
            #expect(Platform.requester(address) == requester && Platform.segment(address) == 2)
            let function = platform.pciFunction(address)
            let stream = root.stream(ofRequester: requester)
            #expect((function?.missingIOMMU == .noMapping) == (stream == nil))
            guard let function, let stream else { continue }
            #expect(
                function.streams == [StreamMapping(smmu: stream.iommu, kind: .specifier([stream.id]))])
            let smmu = try #require(platform.smmus.first { $0.id == stream.iommu })
            var fault = SMMUFault(
                .armSMMUv3, smmu: smmu.id, line: 1, event: "F_TRANSLATION", cause: .translation)
            fault.streamID = stream.id
            let found = FaultScene.devices(of: fault, smmu, in: platform).map(\.id)
            #expect(found == [stream.iommu == "/a" ? address : "rc:2"])
        }
    }

    /// A function with a node of its own below a bridge: bits of the bus that the mask leaves out do not
    /// speak against it.
    @Test(arguments: [(UInt32(0xff), true), (0x1ff, true), (.max, false)])
    func busBitsThatAreNotLookedUp(mask: UInt32, isFound: Bool) {
        var function = Device(
            id: "/pcie/pci@0,0/pci@1,0", kind: .pciFunction,
            streams: [StreamMapping(smmu: "/a", kind: .idMap(idBase: 0, length: 0x1_0000, output: [0]))],
            pciPath: ["00.0", "01.0"], hostBridge: "/pcie")
        function.requesterMask = mask
        var fault = SMMUFault(.armSMMUv3, smmu: "/a", line: 1, event: "F", cause: .translation)
        fault.streamID = 8
        let platform = Self.platform(function)
        let found = FaultScene.devices(of: fault, platform.smmus[0], in: platform)
        #expect(found.isEmpty != isFound)
    }

    @Test func namesOfSMMUsAreDigitsOnly() {
        let device = Device(id: "/pcie", kind: .pciHost)
        var smmus = [Self.smmu("/a", 0x6400_0000), Self.smmu("/b", 0x6500_0000)]
        smmus[0].autoNumber = 3
        let platform = Self.platform(device, smmus)
        #expect(platform.smmu(named: "64000000.iommu", isV3: true)?.id == "/a")
        #expect(platform.smmu(named: "arm-smmu-v3.3.auto", isV3: true)?.id == "/a")
        for name in ["+64000000.iommu", "-64000000.iommu", "arm-smmu-v3.+3.auto", "64000000_.iommu"] {
            #expect(platform.smmu(named: name, isV3: true) == nil, "\(name)")
        }
    }
}
