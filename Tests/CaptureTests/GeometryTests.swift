// From ID registers to aperture and granule: the worked values of the field, and what does not work.

import AddressSpaces
import Machines
import Testing

@Suite struct GeometryTests {
    /// IDR5 of output size code, granules (bit 0: 4K, 1: 16K, 2: 64K), and 52-bit virtual addresses.
    static func idr5(_ oas: UInt32, _ granules: UInt32, vax: Bool = false) -> UInt32 {
        oas | granules << 4 | (vax ? 1 << 10 : 0)
    }

    @Test(
        arguments: [
            (idr5(5, 7), 2, Granule.kib4, 48, "0x0...0xffffffffffff", 0x1000),
            (idr5(5, 7), 2, .kib4, 39, "0x0...0x7fffffffff", 0x1000),
            (idr5(5, 7), 2, .kib16, 47, "0x0...0x7fffffffffff", 0x4000),
            (idr5(6, 7, vax: true), 2, .kib64, 52, "0x0...0xfffffffffffff", 0x1_0000),
            (idr5(6, 7, vax: true), 2, .kib4, 52, "0x0...0xffffffffffff", 0x1000),
            (idr5(4, 7), 1, .kib4, 48, "0x0...0xfffffffffff", 0x1000),
            (idr5(0, 7), 1, .kib4, 48, "0x0...0xffffffff", 0x1000),
            (idr5(5, 1), 2, .kib64, 48, "0x0...0xffffffffffff", 0x1000),
            (idr5(5, 4), 2, .kib4, 48, "0x0...0xffffffffffff", 0x1_0000),
            (idr5(7, 1), 3, .kib4, 48, "0x0...0xffffffffffff", 0x1000),
        ] as [(UInt32, UInt32, Granule, Int, String, UInt64)])
    func smmuv3(idr5: UInt32, idr0: UInt32, page: Granule, bits: Int, aperture: String, granule: UInt64) {
        let geometry = SMMUv3Capabilities(idr0: idr0, idr5: idr5).geometry(
            cpuPage: page, virtualAddressBits: bits)
        #expect(geometry?.aperture.text == aperture)
        #expect(geometry?.granule?.bytes == granule)
    }

    @Test func smmuv3StageTwoInputDependsOnTheRelease() {
        let capabilities = SMMUv3Capabilities(idr0: 1 | 3 << 2, idr5: Self.idr5(1, 1))
        #expect(capabilities.geometry(cpuPage: .kib4)?.aperture.last.value == 0xf_ffff_ffff)
        #expect(
            capabilities.geometry(cpuPage: .kib4, widensStage2: true)?.aperture.last.value == 0xff_ffff_ffff)
        #expect(SMMUv3Capabilities(idr0: 0, idr5: Self.idr5(5, 7)).geometry(cpuPage: .kib4) == nil)
        #expect(SMMUv3Capabilities(idr0: 2, idr5: Self.idr5(5, 0)).geometry(cpuPage: .kib4) == nil)
    }

    @Test func virtio() {
        let capabilities = VirtIOIOMMUCapabilities(pageMask: 0xffff_ffff_ffff_f000)
        #expect(capabilities.geometry(cpuPage: .kib16)?.granule == .kib4)
        #expect(capabilities.geometry(cpuPage: .kib4)?.aperture == .full)
        #expect(VirtIOIOMMUCapabilities(pageMask: 0x1_0000).geometry(cpuPage: .kib4) == nil)
        #expect(VirtIOIOMMUCapabilities(pageMask: 0).geometry(cpuPage: .kib4) == nil)
    }
}
