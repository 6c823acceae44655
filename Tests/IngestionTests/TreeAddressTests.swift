// How addresses are written and travel from bus to bus, one rule a test. Each was found by holding the
// reader against a second one, written from the specification alone, on random trees.

import AddressSpaces
import Ingestion
import Machines
import TestSupport
import Testing

@Suite struct TreeAddressTests {
    private func device(_ blob: [UInt8], _ id: String) throws -> Device {
        try #require(try DeviceTreeReader.read(blob).devices.first { $0.id == id })
    }

    @Test func sizesMayHaveThreeCells() throws {
        let blob = OwnTreeTests.base { root in
            root.child("bus") { bus in
                bus.cells("#size-cells", 3)
                bus.cells("ranges", 0, 0, 0, 0, 0, 1, 0)
                bus.child("its@90000") { node in
                    node.strings("compatible", "arm,gic-v3-its")
                    node.cells("reg", 0, 0x90000, 0, 0, 0x20000)
                }
            }
        }
        let controllers = try DeviceTreeReader.read(blob).msiControllers
        #expect(controllers.map(\.doorbell?.value) == [0x30040, 0xa0040])
    }

    /// A bus whose children have no sizes, and one that lies above such a bus's child.
    @Test(arguments: [false, true])
    func withoutSizesNothingIsTranslated(nested: Bool) throws {
        let blob = OwnTreeTests.base { root in
            root.child("bus") { bus in
                bus.cells("#size-cells", 0)
                bus.flag("ranges")
                let its = { (sizes: [UInt32], bus: inout TreeNode) in
                    bus.child("its@90000") { node in
                        node.strings("compatible", "arm,gic-v3-its")
                        node.cells("reg", [0, 0x90000] + sizes)
                    }
                }
                if nested {
                    bus.child("inner") { inner in
                        inner.cells("#size-cells", 1)
                        inner.flag("ranges")
                        its([0x20000], &inner)
                    }
                } else {
                    its([], &bus)
                }
            }
        }
        #expect(try DeviceTreeReader.read(blob).msiControllers.map(\.doorbell?.value) == [0x30040, nil])
    }

    @Test func aliasOfMessageSPIsIsAnAddressOfTheBus() throws {
        let blob = OwnTreeTests.base { root in
            root.child("soc") { soc in
                soc.cells("#address-cells", 1)
                soc.cells("#size-cells", 1)
                soc.cells("ranges", 0x1000_0000, 0x8, 0, 0x1000_0000)
                soc.child("interrupt-controller@10000000") { node in
                    node.strings("compatible", "arm,gic-v3")
                    node.cells("reg", 0x1000_0000, 0x10000)
                    node.cells("mbi-ranges", 32, 8)
                    node.cells("mbi-alias", 0x1001_0000)
                }
            }
        }
        #expect(try DeviceTreeReader.read(blob).msiControllers.last?.doorbell?.value == 0x8_0001_0040)
    }

    @Test func emptyInterconnectsCount() throws {
        let blob = OwnTreeTests.base { root in
            root.child("memory-controller") { node in
                node.cells("phandle", 8)
                node.cells("#interconnect-cells", 1)
                node.cells("dma-ranges", 0, 0, 0, 0, 0x80, 0)
            }
            root.child("dma") { node in
                node.cells("iommus", 1, 7)
                node.cells("interconnects", 0, 8, 5, 8, 6)
                node.strings("interconnect-names", "", "read", "dma-mem")
            }
            root.child("cut") { node in
                node.cells("iommus", 1, 7)
                node.cells("interconnects", 8)
                node.strings("interconnect-names", "dma-mem")
            }
        }
        #expect(try device(blob, "/dma").dmaLimit == 0x7f_ffff_ffff)
        #expect(try device(blob, "/cut").dmaLimit == .max)
    }

    @Test func windowsPastTheEndOfTheCPUsSpaceAreSkipped() throws {
        let blob = OwnTreeTests.base { root in
            root.child("pcie@4000") { node in
                OwnTreeTests.pcie(&node)
                node.cells(
                    "ranges", 0x0200_0000, 0, 0x1000_0000, 0xffff_ffff, 0xfff0_0000, 0, 0x20_0000,
                    0x0200_0000, 0, 0x2000_0000, 0xffff_ffff, 0xfff0_0000, 0, 0x10_0000)
                node.cells(
                    "dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0xffff_ffff, 0x8000_0000, 1, 0,
                    0x0200_0000, 0, 0, 0, 0, 0, 0x4000_0000)
            }
        }
        let platform = try DeviceTreeReader.read(blob)
        #expect(platform.devices[0].pciWindows.map(\.busStart) == [0x2000_0000])
        #expect(platform.devices[0].inboundWindows.map(\.busStart) == [0])
        #expect(platform.findings.map(\.code) == ["ranges-wraps", "dma-ranges-wraps"])
    }

    /// One PCI function below a host bridge, with a region at `address` that no dma-ranges of the bridge
    /// touch, and the address cells of the bus above the bridge.
    private func functionRegion(_ address: [UInt32], busCells: UInt32) throws -> [UInt64] {
        let blob = OwnTreeTests.base { root in
            root.child("reserved-memory") { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", [5] + address + [0, 0x10_0000])
                }
            }
            root.child("soc") { soc in
                soc.cells("#address-cells", busCells)
                soc.child("pcie@4000") { node in
                    OwnTreeTests.pcie(&node)
                    node.child("dev@0,0") { function in
                        function.cells("reg", 0, 0, 0, 0, 0)
                        function.cells("phandle", 5)
                        function.cells("memory-region", 9)
                    }
                }
            }
        }
        return try device(blob, "/soc/pcie@4000/dev@0,0").firmwareRegions.map(\.start)
    }

    @Test func addressesOfOneCellLoseTheirUpperHalf() throws {
        let address: [UInt32] = [0x0200_0000, 0x12, 0x0800_0000]
        #expect(try functionRegion(address, busCells: 2) == [0x12_0800_0000])
        #expect(try functionRegion(address, busCells: 1) == [0x800_0000])
    }

    /// Nothing gives flags to an address that comes from a bus without: its upper half is taken for them.
    @Test(arguments: [0 as UInt32, 7])
    func addressWithoutFlagsGetsThemFromItsUpperHalf(flags: UInt32) throws {
        let blob = OwnTreeTests.base { root in
            root.child("bus") { bus in
                bus.cells("#address-cells", 3)
                bus.cells("ranges", flags, 0, 0, 0x10, 0, 1, 0)
                bus.child("inner") { inner in
                    inner.cells("#address-cells", 2)
                    inner.flag("ranges")
                    inner.child("its@90000") { node in
                        node.strings("compatible", "arm,gic-v3-its")
                        node.cells("reg", 0, 0x90000, 0, 0x20000)
                    }
                }
            }
        }
        let doorbell = try DeviceTreeReader.read(blob).msiControllers.last?.doorbell?.value
        #expect(doorbell == (flags == 0 ? 0x10_000a_0040 : nil))
    }

    @Test(arguments: [0 as UInt32, 7])
    func busOfThreeCellsComparesItsFlags(flags: UInt32) throws {
        let blob = OwnTreeTests.base { root in
            root.child("bus") { bus in
                bus.cells("#address-cells", 3)
                bus.cells("ranges", 0, 0, 0, 0x10, 0, 1, 0)
                bus.child("its@90000") { node in
                    node.strings("compatible", "arm,gic-v3-its")
                    node.cells("reg", flags, 0, 0x90000, 0, 0x20000)
                }
            }
        }
        let doorbell = try DeviceTreeReader.read(blob).msiControllers.last?.doorbell?.value
        #expect(doorbell == (flags == 0 ? 0x10_000a_0040 : nil))
    }
}
