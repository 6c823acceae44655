// One rule a test, on trees that are made here.

import AddressSpaces
import Ingestion
import Machines
import TestSupport
import Testing

@Suite struct OwnTreeTests {
    /// Two cells each at the root, an SMMUv3 with phandle 1, an ITS with phandle 2.
    static func base(_ fill: (inout TreeNode) -> Void) -> [UInt8] {
        DeviceTreeBuilder.board { root in
            root.child("its@20000") { node in
                node.strings("compatible", "arm,gic-v3-its")
                node.cells("reg", 0, 0x20000, 0, 0x20000)
                node.cells("phandle", 2)
            }
            fill(&root)
        }
    }

    static func pcie(_ node: inout TreeNode) {
        node.strings("device_type", "pci")
        node.cells("#address-cells", 3)
        node.cells("#size-cells", 2)
        node.cells("iommu-map", 0, 1, 0, 0x10000)
        node.cells("msi-map", 0, 2, 0, 0x10000)
    }

    private func device(_ blob: [UInt8], _ id: String) throws -> Device {
        try #require(try DeviceTreeReader.read(blob).devices.first { $0.id == id })
    }

    @Test func hostBridgeWithWindowsAndGaps() throws {
        let blob = Self.base { root in
            root.child("pcie@4000") { node in
                Self.pcie(&node)
                node.cells(
                    "ranges", 0x0200_0000, 0, 0x1000_0000, 0x40, 0, 0, 0x100_0000, 0x4300_0000, 0x80, 0, 0x80,
                    0, 1, 0)
                node.cells("dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x8000_0000)
            }
        }
        let device = try device(blob, "/pcie@4000")
        #expect(device.kind == .pciHost && device.active && device.dmaLimit == 0xffff_ffff)
        #expect(device.pciWindows.map(\.busStart) == [0x1000_0000, 0x80_0000_0000])
        #expect(device.pciWindows.map(\.cpuStart) == [0x40_0000_0000, 0x80_0000_0000])
        #expect(device.pciWindows.map(\.is64Bit) == [false, true])
        #expect(
            device.inboundWindows == [
                InboundWindow(busStart: 0x8000_0000, cpuStart: 0x8000_0000, size: 0x8000_0000)
            ])
        #expect(device.msiControllers == ["/its@20000"])
    }

    @Test func disabledAncestorMakesInactive() throws {
        let blob = Self.base { root in
            root.child("bus") { bus in
                bus.strings("status", "disabled")
                bus.child("dma") { $0.cells("iommus", 1, 7) }
            }
            root.child("dma") {
                $0.cells("iommus", 1, 7)
                $0.strings("status", "ok")
            }
        }
        #expect(try !device(blob, "/bus/dma").active)
        #expect(try device(blob, "/dma").active)
    }

    @Test func placeholderMapIsInactive() throws {
        let blob = Self.base { root in root.child("mc") { $0.cells("iommu-map", 0, 1, 0, 0) } }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.map(\.active) == [false] && platform.devices[0].kind == .idMapBus)
        #expect(platform.findings.map(\.code) == ["iommu-map-placeholder"])
    }

    @Test(arguments: [true, false])
    func leadingNodeMayLackDMARanges(twice: Bool) throws {
        // bus (no dma-ranges) below soc (with): tolerated once; a second bus without ends the search.
        let blob = Self.base { root in
            root.child("soc") { soc in
                soc.cells("#address-cells", 1)
                soc.cells("#size-cells", 1)
                soc.cells("dma-ranges", 0, 0, 0, 0x4000_0000)
                soc.child("bus") { bus in
                    bus.cells("#address-cells", 1)
                    if twice {
                        bus.child("inner") { inner in inner.child("dma") { $0.cells("iommus", 1, 7) } }
                    } else {
                        bus.child("dma") { $0.cells("iommus", 1, 7) }
                    }
                }
            }
        }
        let id = twice ? "/soc/bus/inner/dma" : "/soc/bus/dma"
        #expect(try device(blob, id).dmaLimit == (twice ? .max : 0x3fff_ffff))
    }

    @Test func functionCarriesItsOwnRegions() throws {
        let blob = Self.base { root in
            root.child("reserved-memory") { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 5, 0x0200_0000, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.child("pcie@4000") { node in
                Self.pcie(&node)
                node.child("bridge@1") { bridge in
                    bridge.cells("reg", 0x800, 0, 0, 0, 0)
                    bridge.cells("#address-cells", 3)
                    bridge.cells("#size-cells", 2)
                    bridge.strings("device_type", "pci")
                    bridge.child("nvme@0") { nvme in
                        nvme.cells("reg", 0x10000, 0, 0, 0, 0)
                        nvme.cells("phandle", 5)
                        nvme.cells("memory-region", 9)
                    }
                }
            }
        }
        let device = try device(blob, "/pcie@4000/bridge@1/nvme@0")
        #expect(
            device.kind == .pciFunction && device.pciPath == ["01.0", "00.0"]
                && device.hostBridge == "/pcie@4000")
        #expect(
            device.firmwareRegions == [
                ReservedRegion(
                    kind: .reserved, start: 0x800_0000, length: 0x10_0000,
                    provenance: .deviceTreeNode(path: "/reserved-memory/fw"))
            ])
    }

    /// The map holds what is not device 2, and of bus 1 device 0.
    @Test(
        arguments: [
            ([0], 0x800, true), ([0], 0x1000, false), ([1], 0, true), ([1], 0x800, false),
        ] as [([UInt32], UInt32, Bool)])
    func functionOutsideTheMapIsInactive(bus: [UInt32], address: UInt32, isMapped: Bool) throws {
        let blob = Self.base { root in
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                node.cells("iommu-map", 0, 1, 0, 0x10, 0x18, 1, 0x18, 0xf0)
                node.cells("bus-range", bus + [0xff])
                node.child("dev") { function in
                    function.cells("reg", address, 0, 0, 0, 0)
                    function.cells("memory-region", 9)
                }
                node.child("bridge") { bridge in
                    bridge.cells("reg", 0x1000, 0, 0, 0, 0)
                    bridge.child("dev") { function in
                        function.cells("reg", 0x1000, 0, 0, 0, 0)
                        function.cells("memory-region", 9)
                    }
                }
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.map(\.active) == [true, isMapped, true])
        #expect(platform.findings.contains { $0.code == "function-unmapped" } != isMapped)
    }

    /// What a map says of a function of the root bus, whose ID is known, whatever it says of others.
    @Test(
        arguments: [
            // The first entry holds it; the second has a base outside the mask, an unknown phandle, or a cut.
            ([0, 1, 0, 0x10, 0x1_0000, 1, 0, 0x10], nil), ([0, 1, 0, 0x10, 0x10, 0xdead, 0, 0x10], nil),
            ([0, 1, 0, 0x10, 0x10, 1], .cutMap),
            // No entry before the mistake holds it.
            ([0x10, 1, 0, 0x10, 0x1_0000, 1, 0, 0x10], .unreadableMap),
            ([0x10, 1, 0, 0x10, 0, 1], .unreadableMap),
            ([0x10, 1, 0, 0x10, 0, 0xdead, 0, 0x10], .unreadableMap),
            // One of two SMMUs is disabled.
            ([0, 1, 0, 0x10, 0x10, 3, 0, 0x10], nil), ([0, 3, 0, 0x10, 0x10, 1, 0, 0x10], .disabled),
            ([0x10, 1, 0, 0x10, 0x20, 3, 0, 0x10], .unmapped),
        ] as [([UInt32], MissingIOMMU?)])
    func entriesDecideOneByOne(map: [UInt32], missing: MissingIOMMU?) throws {
        let blob = Self.base { root in
            root.child("iommu@9000") { node in
                node.strings("compatible", "arm,smmu-v3")
                node.cells("#iommu-cells", 1)
                node.cells("phandle", 3)
                node.strings("status", "disabled")
            }
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                node.cells("iommu-map", map)
                node.cells("iommu-map-mask", 0xffff)
                node.child("dev") { function in
                    function.cells("reg", 0x800, 0, 0, 0, 0)
                    function.cells("memory-region", 9)
                }
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.map(\.id) == ["/pcie@4000", "/pcie@4000/dev"])
        let function = platform.devices[1]
        #expect(function.missingIOMMU == missing, "\(platform.findings)")
        #expect(function.active == !function.lacksIOMMU && platform.devices[0].active)
    }

    @Test(arguments: [("dma@1", 1), ("dma@2", 0)]) func nodesOfOnePathAreNoted(second: String, count: Int)
        throws
    {
        let blob = Self.base { root in
            for (stream, name) in [(5 as UInt32, "dma@1"), (6, second)] {
                root.child(name) { $0.cells("iommus", 1, stream) }
            }
            root.child("host1x") { node in
                node.cells("iommus", 1, 7)
                node.cells("iommu-map", 0, 1, 8, 8)
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.count == 4)
        #expect(
            platform.findings.filter { $0.code == "duplicate-node" }.count == count, "\(platform.findings)")
    }

    /// Of `status` only the first string counts, an empty one as well.
    @Test(arguments: [(["", "okay"], false), (["okay", ""], true), (["ok"], true), ([""], false)])
    func emptyStringsCount(status: [String], isEnabled: Bool) throws {
        let blob = Self.base { root in
            root.child("iommu@9000") { node in
                node.strings("compatible", "", "arm,smmu-v3")
                node.cells("#iommu-cells", 1)
                node.bytes("status", status.flatMap { Array($0.utf8) + [0] })
            }
        }
        let smmu = try #require(try DeviceTreeReader.read(blob).smmus.first { $0.id == "/iommu@9000" })
        #expect(smmu.enabled == isEnabled && smmu.compatible == ["arm,smmu-v3"])
    }

    @Test func mapOfBrokenCellsTranslatesNothing() throws {
        let blob = Self.base { root in
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.bytes(
                    "iommu-map", [UInt8](repeating: 0, count: 7) + [1] + [UInt8](repeating: 0, count: 9))
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices.map(\.active) == [false])
        #expect(platform.findings.map(\.code) == ["iommu-map-odd-length"])
    }

    @Test func oldFourCellMapsOfTwoCellSMMUsAreRead() throws {
        for (cells, output) in [([0, 3, 0x11, 1], [0x11]), ([0, 3, 0x11, 0x7f, 1], [0x11, 0x7f])]
            as [([UInt32], [UInt32])]
        {
            let blob = Self.base { root in
                root.child("iommu@9000") { node in
                    node.strings("compatible", "arm,mmu-500")
                    node.cells("#iommu-cells", 2)
                    node.cells("phandle", 3)
                }
                root.child("pcie@4000") { node in
                    node.strings("device_type", "pci")
                    node.cells("iommu-map", cells)
                }
            }
            let device = try device(blob, "/pcie@4000")
            #expect(device.streams.map(\.kind) == [.idMap(idBase: 0, length: 1, output: output)])
        }
    }

    @Test func doorbellsOfEveryKind() throws {
        let blob = Self.base { root in
            root.child("its@40000") { node in
                node.strings("compatible", "arm,gic-v3-its")
                node.cells("reg", 0, 0x40000, 0, 0x20000)
                node.cells("socionext,synquacer-pre-its", 0x1000, 0x400)
            }
            root.child("gic@60000") { node in
                node.strings("compatible", "arm,gic-v3")
                node.cells("reg", 0, 0x60000, 0, 0x10000)
                node.cells("mbi-ranges", 256, 128)
                node.cells("mbi-alias", 0, 0x70000)
            }
            root.child("v2m@80000") { node in
                node.strings("compatible", "arm,gic-v2m-frame")
                node.cells("reg", 0, 0x80000, 0, 0x1000)
            }
            root.child("other") { $0.flag("msi-controller") }
        }
        let controllers = try DeviceTreeReader.read(blob).msiControllers
        #expect(controllers.map(\.kind) == [.its, .preITS, .mbi, .gicv2m, .other])
        #expect(controllers.map { $0.doorbell?.value } == [0x30040, nil, 0x70040, 0x80040, nil])
    }

    /// Entries that continue each other are one window when they are of one kind.
    @Test(arguments: [
        (UInt32(0x0200_0000), UInt32(0x0200_0000), [UInt64(0x2000)]),
        (0x0200_0000, 0x0300_0000, [0x1000, 0x1000]),
        (0x4300_0000, 0x0300_0000, [0x1000, 0x1000]), (0x4300_0000, 0x4300_0000, [0x2000]),
    ])
    func inboundEntriesAreJoinedByKind(first: UInt32, second: UInt32, sizes: [UInt64]) throws {
        let blob = Self.base { root in
            root.child("pcie@4000") { node in
                Self.pcie(&node)
                node.cells(
                    "dma-ranges", first, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x1000, second, 0, 0x8000_1000, 0,
                    0x8000_1000, 0, 0x1000)
            }
        }
        #expect(try device(blob, "/pcie@4000").inboundWindows.map(\.size) == sizes)
    }

    @Test func everyTruncationIsRefused() {
        let blob = Self.base { root in root.child("dma") { $0.cells("iommus", 1, 7) } }
        for length in 0..<blob.count {
            #expect(throws: DeviceTreeError.self, "\(length)") {
                try DeviceTreeReader.read(Array(blob[..<length]))
            }
        }
    }

    @Test func expensiveTreesEnd() throws {
        // Thousands of doorbells, each translated through thousands of ranges.
        let blob = Self.base { root in
            root.child("bus") { bus in
                bus.cells("#address-cells", 1)
                bus.cells("#size-cells", 1)
                bus.cells("ranges", (0..<30_000).flatMap { [UInt32($0) &* 0x100, 0, 0, 0x100] })
                for index in 0..<8_000 {
                    bus.child("v2m@\(index)") { node in
                        node.strings("compatible", "arm,gic-v2m-frame")
                        node.cells("reg", 0xffff_0000, 0x100)
                    }
                }
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.findings.contains { $0.code == "translation-too-costly" })
    }
}
