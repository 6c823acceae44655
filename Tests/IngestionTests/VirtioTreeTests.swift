// A virtio-iommu in a device tree: a function of the host bridge whose other functions it translates.

import Ingestion
import Machines
import TestSupport
import Testing

@Suite struct VirtioTreeTests {
    private static func blob(_ compatible: String, cells: Bool = true, mask: UInt32? = nil) -> [UInt8] {
        DeviceTreeBuilder.blob { root in
            root.cells("#address-cells", 2)
            root.cells("#size-cells", 2)
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                node.cells("iommu-map", 0, 1, 0, 0xf0, 0xf1, 1, 0x1f1, 0xff0f)
                if let mask { node.cells("iommu-map-mask", mask) }
                node.child("iommu@1e,0") { iommu in
                    iommu.strings("compatible", compatible)
                    iommu.cells("reg", 0xf000, 0, 0, 0, 0)
                    if cells { iommu.cells("#iommu-cells", 1) }
                    iommu.cells("phandle", 1)
                }
            }
        }
    }

    @Test func aFunctionOfTheHostBridgeTranslatesTheOthers() throws {
        let platform = try DeviceTreeReader.read(Self.blob("virtio,pci-iommu"))
        #expect(platform.smmus.map(\.version) == [.virtio])
        #expect(platform.smmus.map(\.id) == ["/pcie@4000/iommu@1e,0"])
        let host = try #require(platform.devices.first { $0.kind == .pciHost })
        #expect(host.active && host.smmus == ["/pcie@4000/iommu@1e,0"])
        #expect(host.stream(ofRequester: 0xef)! == ("/pcie@4000/iommu@1e,0", 0xef))
        #expect(host.stream(ofRequester: 0xf0) == nil, "the IOMMU does not translate itself")
        #expect(host.stream(ofRequester: 0xf1)! == ("/pcie@4000/iommu@1e,0", 0x1f1))
        #expect(host.stream(ofRequester: 0xffff)! == ("/pcie@4000/iommu@1e,0", 0x1_00ff))
        #expect(host.stream(ofRequester: 0x1_0000) == nil)
    }

    /// Only the masked bits are looked up, and carried over.
    @Test func masksRequesters() throws {
        let platform = try DeviceTreeReader.read(Self.blob("virtio,pci-iommu", mask: 0xf8ff))
        let host = try #require(platform.devices.first { $0.kind == .pciHost })
        #expect(host.stream(ofRequester: 0x7ef)!.id == 0xef)
        #expect(host.stream(ofRequester: 0xff_0010)!.id == 0x10)
    }

    @Test func anotherVirtioDeviceIsNone() throws {
        #expect(try DeviceTreeReader.read(Self.blob("virtio,mmio", cells: false)).smmus.isEmpty)
        #expect(try DeviceTreeReader.read(Self.blob("virtio,mmio")).smmus.map(\.version) == [.virtio])
    }
}
