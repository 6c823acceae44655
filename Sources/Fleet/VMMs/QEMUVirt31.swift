// QEMU's `virt` machine up to 3.1: nothing floats, and RAM ends below 256 GiB. Mirrors hw/arm/virt.c:
// a15memmap, QEMU 3.1.0.

enum QEMUVirt31 {
    private static let banks = RAMBanks(.init(QEMUVirt.ramBase, 0x3f_c000_0000))

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        guard shape.ram <= banks.capacity else {
            throw .ramLimit(machine: "QEMU up to 3.1", limit: banks.capacity)
        }
        let high: [GuestRegion] = [
            GuestRegion("VIRT_GIC_REDIST2", 0x40_0000_0000, size: 0x400_0000, .gic),
            GuestRegion("VIRT_PCIE_ECAM_HIGH", 0x40_1000_0000, size: 0x1000_0000, .ecam),
            GuestRegion(
                "VIRT_PCIE_MMIO_HIGH", 0x80_0000_0000, size: 0x80_0000_0000, .pcieMMIO64, .device),
        ]
        return GuestMap(QEMUVirt.fixed + high, ram: banks.regions(size: shape.ram), banks: banks)
    }
}
