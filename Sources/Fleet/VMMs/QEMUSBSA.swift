// QEMU's `sbsa-ref`: RAM from 1 TiB on. KVM is refused, so VFIO here is a TCG curiosity; it is the map with
// RAM far up. Mirrors hw/arm/sbsa-ref.c, QEMU 10.2.2.

enum QEMUSBSA {
    private static let banks = RAMBanks(.init(0x100_0000_0000, 0x800_0000_0000))

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        guard shape.ram <= banks.capacity else {
            throw .ramLimit(machine: "QEMU sbsa-ref", limit: banks.capacity)
        }
        return GuestMap(
            fixed, ram: banks.regions(size: shape.ram), banks: banks,
            notes: ["sbsa-ref runs without KVM only, so VFIO is unusual here."])
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("SBSA_FLASH", 0, size: 0x2000_0000, .flash),
        GuestRegion("SBSA_SECURE_MEM", 0x2000_0000, size: 0x2000_0000, .other, rule: "secure world only"),
        GuestRegion("SBSA_CPUPERIPHS", 0x4000_0000, size: 0x4_0000, .gic),
        GuestRegion("SBSA_GIC_DIST", 0x4006_0000, size: 0x1_0000, .gic),
        GuestRegion("SBSA_GIC_REDIST", 0x4008_0000, size: 0x400_0000, .gic),
        GuestRegion("SBSA_GIC_ITS", 0x4408_1000, size: 0x2_0000, .its),
        GuestRegion("SBSA_SECURE_EC", 0x5000_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_GWDT_REFRESH", 0x5001_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_GWDT_CONTROL", 0x5001_1000, size: 0x1000, .mmio),
        GuestRegion("SBSA_UART", 0x6000_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_RTC", 0x6001_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_GPIO", 0x6002_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_SECURE_UART", 0x6003_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_SECURE_UART_MM", 0x6004_0000, size: 0x1000, .mmio),
        GuestRegion("SBSA_SMMU", 0x6005_0000, size: 0x2_0000, .mmio),
        GuestRegion("SBSA_AHCI", 0x6010_0000, size: 0x1_0000, .mmio),
        GuestRegion("SBSA_XHCI", 0x6011_0000, size: 0x1_0000, .mmio),
        GuestRegion("SBSA_PCIE_PIO", 0x7fff_0000, size: 0x1_0000, .other),
        GuestRegion("SBSA_PCIE_MMIO", 0x8000_0000, size: 0x7000_0000, .pcieMMIO32, .device),
        GuestRegion("SBSA_PCIE_ECAM", 0xf000_0000, size: 0x1000_0000, .ecam),
        GuestRegion("SBSA_PCIE_MMIO_HIGH", 0x1_0000_0000, size: 0xff_0000_0000, .pcieMMIO64, .device),
    ]
}
