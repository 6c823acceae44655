// A Xen guest on Arm: 3 GiB from 1 GiB, 1016 GiB from 8 GiB. Xen owns the SMMU, so Linux's window does not
// exist for its guests; the map is here to be compared. Mirrors xen/include/public/arch-arm.h of 4.23-dev.

extension VMMProfile {
    static let xenGuest = VMMProfile(
        name: "Xen guest (xl/libxl domU)",
        versions: ["4.23-dev-196 (c447b7308b13)"],
        sources: ["xen/include/public/arch-arm.h", "tools/libs/guest/xg_dom_arm.c"],
        behaviour: ["The p2m is the SMMU's stage 2: whatever is in it is reachable."],
        onBARFailure: .warning, quirks: [.ownsSMMU], layOut: XenGuest.map)
}

private enum XenGuest {
    private static let banks = RAMBanks(.init(0x4000_0000, 0xc000_0000), .init(0x2_0000_0000, 0xfe_0000_0000))

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        guard shape.ram <= banks.capacity else {
            throw .ramLimit(machine: "Xen on Arm (GUEST_RAM_MAX)", limit: banks.capacity)
        }
        return GuestMap(
            fixed, ram: banks.regions(size: shape.ram), banks: banks,
            notes: ["Xen owns the SMMU: Linux's MSI window does not exist for its guests."])
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("VIRTIO_MMIO", 0x200_0000, size: 0x10_0000, .mmio),
        GuestRegion("GICD", 0x300_1000, size: 0x1_0000, .gic),
        GuestRegion("GICR0", 0x302_0000, size: 0x100_0000, .gic),
        GuestRegion("VPCI_ECAM", 0x1000_0000, size: 0x1000_0000, .ecam),
        GuestRegion("ACPI", 0x2000_0000, size: 0x200_0000, .ram, .always, rule: "pages of the p2m"),
        GuestRegion("PL011", 0x2200_0000, size: 0x1000, .mmio),
        GuestRegion("VPCI_MEM", 0x2300_0000, size: 0x1000_0000, .pcieMMIO32, .device),
        GuestRegion("GNTTAB", 0x3800_0000, size: 0x100_0000, .other, .device, rule: "grant table"),
        GuestRegion("MAGIC", 0x3900_0000, size: 0x100_0000, .ram, .always, rule: "xenstore and console"),
        GuestRegion("VPCI_PREFETCH", 0x1_0000_0000, size: 0x1_0000_0000, .pcieMMIO64, .device),
    ]
}
