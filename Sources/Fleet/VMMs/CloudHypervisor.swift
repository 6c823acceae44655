// Cloud Hypervisor on arm64: 3008 MiB of RAM from 1 GiB, the rest from 4 GiB, and a 64-bit PCI window up to
// the guest's physical address bits. Mirrors arch/src/aarch64/layout.rs, devices/src/gic.rs,
// vmm/src/memory_manager.rs and vmm/src/device_manager.rs of v53.

import AddressSpaces

extension VMMProfile {
    static let cloudHypervisor = VMMProfile(
        name: "Cloud Hypervisor",
        versions: ["v53.0-246-gae44c2971"],
        sources: [
            "arch/src/aarch64/layout.rs", "devices/src/gic.rs", "vmm/src/memory_manager.rs",
            "vmm/src/device_manager.rs", "pci/src/vfio.rs",
        ],
        behaviour: [
            "Any mapping that fails is fatal, BARs included while vfio_p2p_dma is on.",
            "BARs are handed out top down: pin max_phys_bits for a pool of hosts.",
            "Nothing reads the host's ranges; virtio-iommu does not forward them.",
        ],
        onBARFailure: .fatal, hasHotplug: true, quirks: [.hidesReservations], layOut: CloudHypervisor.map)

    /// `max_phys_bits`: up to where Cloud Hypervisor lays such a guest out.
    static func cloudHypervisorBits(_ shape: VMShape) -> Int { CloudHypervisor.bits(shape) }
}

private enum CloudHypervisor {
    private static let banks = RAMBanks(.init(0x4000_0000, 0xbc00_0000), .init(fourGiB))
    private static let fourGiB: UInt64 = 0x1_0000_0000
    private static let distributor: UInt64 = 0x8ff_0000
    private static let physicalBitsMax = 46
    /// Devices of the platform take 1 MiB, and 64 KiB stay free, below the top.
    private static let platformSize: UInt64 = 0x10_0000
    private static let topGap: UInt64 = 0x1_0000
    private static let hotplugAlignment: UInt64 = 0x800_0000

    static func bits(_ shape: VMShape) -> Int { min(shape.ipaBits ?? physicalBitsMax, physicalBitsMax) }

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        let bits = bits(shape)
        let ram = banks.regions(size: shape.ram)
        let ramEnd = (ram.last?.range.last.value ?? 0) + 1
        var regions = fixed + interruptController(vcpus: UInt64(shape.vcpus))
        var windowStart = ramEnd <= 0xfc00_0000 ? fourGiB : ramEnd
        if shape.hotplugSize > 0 {
            let base = max(fourGiB, GuestMap.alignUp(ramEnd, hotplugAlignment))
            regions.append(
                GuestRegion(
                    "HOTPLUG", base, size: shape.hotplugSize, .ram, .onDemand,
                    rule: "hotplug_size, from the next 128 MiB above RAM, not below 4 GiB"))
            windowStart = GuestMap.alignUp(base + shape.hotplugSize, hotplugAlignment)
        }
        let platform = (1 << UInt64(bits)) - topGap - platformSize
        guard windowStart < platform else {
            // With 32 bits there is no room above 4 GiB; RAM alone decides.
            if shape.hotplugSize == 0, ramEnd <= 1 << UInt64(bits), windowStart == fourGiB {
                return GuestMap(regions, ram: ram, banks: banks, notes: ["No room for a 64-bit PCI window."])
            }
            throw .addressBits(bits: bits, excess: windowStart - platform)
        }
        regions += [
            GuestRegion(
                "PCI_MMIO64", IOVARange(proven: windowStart, platform - 1), .pcieMMIO64, .device,
                rule: "BARs are handed out from the top down"),
            GuestRegion("PLATFORM_DEVICES", platform, size: platformSize, .mmio),
        ]
        return GuestMap(regions, ram: ram, banks: banks)
    }

    /// Redistributors grow down from the distributor, the ITS lies below them.
    private static func interruptController(vcpus: UInt64) -> [GuestRegion] {
        let redistributors = distributor - 0x2_0000 * vcpus
        return [
            GuestRegion("GICV3_ITS", redistributors - 0x2_0000, size: 0x2_0000, .its),
            GuestRegion("GICV3_REDIST", redistributors, size: 0x2_0000 * vcpus, .gic),
        ]
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("UEFI_FLASH", 0, size: 0x40_0000, .flash, rule: "outside the memory zones"),
        GuestRegion("GICV3_DIST", distributor, size: 0x1_0000, .gic),
        GuestRegion("SERIAL", 0x900_0000, size: 0x1000, .mmio),
        GuestRegion("RTC", 0x901_0000, size: 0x1000, .mmio),
        GuestRegion("GPIO", 0x902_0000, size: 0x1000, .mmio),
        GuestRegion("PCI_PIO", 0x905_0000, size: 0x1_0000, .other),
        GuestRegion(
            "PCI_MMIO32", 0x1000_0000, size: 0x2000_0000, .pcieMMIO32, .device,
            rule: "mapped when vfio_p2p_dma is on, and then it must map"),
        GuestRegion("PCI_MMCONFIG", 0x3000_0000, size: 0x1000_0000, .ecam),
        GuestRegion("MEM_32BIT_RESERVED", 0xfc00_0000, size: 0x400_0000, .other),
    ]
}
