// How the kernel's page size shows in firmware's regions and in a domain's pages.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

@Suite struct FirmwareRegionTests {
    private static func conditions(_ page: Granule) -> Conditions {
        Conditions(kernel: .v7_2, pageSize: page)
    }

    private static func rmr(_ start: UInt64, _ length: UInt64) -> Device {
        Device(
            id: "rc:0", kind: .namedComponent,
            firmwareRegions: [
                ReservedRegion(kind: .direct, start: start, length: length, provenance: .rmr(offset: 0x80))
            ])
    }

    /// A multiple of 64 KiB at both ends stays; anything else is rounded to the CPU's pages.
    @Test(arguments: [
        (Granule.kib4, UInt64(0x8000_1800), UInt64(0x1000), UInt64(0x8000_1000), UInt64(0x2000)),
        (.kib64, 0x8000_1800, 0x1000, 0x8000_0000, 0x1_0000),
        (.kib4, 0x8000_0000, 0x10_0000, 0x8000_0000, 0x10_0000),
        (.kib16, 0x8001_0000, 0x2000, 0x8001_0000, 0x4000),
        (.kib4, 0x8000_1000, 0x1_0000, 0x8000_1000, 0x1_0000),
        (.kib4, 0x8000_0000, 0, 0x8000_0000, 0),
        (.kib4, 0x8000_0800, 0, 0x8000_0000, 0x1000),
        (.kib4, 0xffff_ffff_ffff_f800, 0x800, 0xffff_ffff_ffff_f000, 0x1000),
    ])
    func memoryRangesAreRounded(
        page: Granule, start: UInt64, length: UInt64, roundedStart: UInt64, roundedLength: UInt64
    ) {
        let conditions = Self.conditions(page)
        let device = Self.rmr(start, length)
        let region = device.rounded(to: page).firmwareRegions[0]
        #expect([region.start, region.length] == [roundedStart, roundedLength])
        let listed = PreparedDevice(device, under: conditions).advertised(.fixed).last
        #expect(listed?.start == roundedStart && listed?.length == roundedLength)
        let call = PreparedDevice(device, under: conditions).reservations.calls.last
        #expect(call?.first == roundedStart && call?.last == roundedStart &+ roundedLength &- 1)
    }

    /// Regions of a device tree are byte accurate.
    @Test func otherRegionsAreNot() {
        var device = Self.rmr(0x8000_1800, 0x1000)
        device.firmwareRegions[0].provenance = .deviceTreeNode(path: "/reserved-memory/a")
        #expect(device.rounded(to: .kib64) == device)
    }

    /// An SMMU's tables have one granule; a virtio-iommu maps the smallest page that it names, also below
    /// the CPU's, and VFIO hides sizes below the CPU's page.
    @Test func pagesOfADomain() {
        var conditions = Self.conditions(.kib64)
        #expect(conditions.granule == .kib64 && conditions.vfioPageSizes == .kib64)
        conditions.smmuPageSizes = .kib4
        #expect(conditions.granule == .kib4 && conditions.userPage == .kib64)
        #expect(conditions.vfioPageSizes.bitmap == 0x4021_0000)
        conditions.driver = .virtio
        conditions.smmuPageSizes = PageSizes(bitmap: .max << 12)
        #expect(conditions.granule == .kib4 && conditions.userPage == .kib64)
        #expect(conditions.vfioPageSizes.bitmap == .max << 16)
    }
}
