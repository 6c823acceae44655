// kvmtool on arm64: one RAM bank from 2 GiB, movable upward; the only VMM that reads the host's reserved
// regions, and it aborts on any overlap. Mirrors arm/include/arm-common/kvm-arch.h, arm/kvm.c and
// vfio/core.c at b48735e5d562.

import AddressSpaces

extension VMMProfile {
    static let kvmtool = VMMProfile(
        name: "kvmtool",
        versions: ["b48735e5d562"],
        sources: ["arm/include/arm-common/kvm-arch.h", "arm/kvm.c", "vfio/core.c", "hw/cfi_flash.c"],
        behaviour: [
            "Reads reserved_regions of every group and aborts when one overlaps RAM, relaxable or not.",
            "Stops reading at a direct-relaxable line: later reservations are lost.",
        ],
        onBARFailure: .none, quirks: [.readsReservedRegions, .lacksIOMMUFD],
        lowestRAMBase: Kvmtool.ramBaseMin, layOut: Kvmtool.map)
}

private enum Kvmtool {
    static let ramBaseMin: UInt64 = 0x8000_0000

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        let base = shape.ramBase ?? ramBaseMin
        guard base >= ramBaseMin else { throw .ramBaseTooLow(minimum: ramBaseMin) }
        let end = base + shape.ram
        if let bits = shape.ipaBits, end > 1 << UInt64(bits) {
            throw .addressBits(bits: bits, excess: end - (1 << UInt64(bits)))
        }
        let banks = RAMBanks(.init(base))
        let redistributors = 0x3fff_0000 - 0x2_0000 * UInt64(shape.vcpus)
        let regions =
            fixed + [
                GuestRegion("GICV3_REDIST", IOVARange(proven: redistributors, 0x3ffe_ffff), .gic),
                GuestRegion("GICV3_ITS", redistributors - 0x2_0000, size: 0x2_0000, .its),
            ]
        return GuestMap(regions, ram: banks.regions(size: shape.ram), banks: banks)
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("PCI_IO", 0, size: 0x1_0000, .other),
        GuestRegion("UART", 0x100_0000, size: 0x1_0000, .mmio),
        GuestRegion("RTC", 0x101_0000, size: 0x1_0000, .mmio),
        GuestRegion("PVTIME", 0x102_0000, size: 0x1_0000, .other),
        GuestRegion(
            "FLASH", 0x200_0000, size: 0x100_0000, .flash, .device,
            rule: "with --flash: counts as RAM, so it is mapped"),
        GuestRegion(
            "VIRTIO_MMIO", IOVARange(proven: 0x300_0000, 0x3ffc_ffff), .mmio,
            rule: "the default window lies here, and nothing maps it"),
        GuestRegion("GIC_DIST", 0x3fff_0000, size: 0x1_0000, .gic),
        GuestRegion("PCI_CFG", 0x4000_0000, size: 0x1000_0000, .ecam),
        GuestRegion(
            "PCI_MMIO", 0x5000_0000, size: 0x3000_0000, .pcieMMIO32, rule: GuestRegion.barsAreNotMapped),
    ]
}
