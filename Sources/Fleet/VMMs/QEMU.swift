// QEMU's Arm machines. `virt` from virt-4.0 on has a low map that has not moved since 2.x, one RAM bank from
// 1 GiB, and high regions that float above it (hw/arm/virt.c: base_memmap, extended_memmap, virt_set_memmap
// and virt_set_high_memmap of QEMU 7.2 ... 10.2). Up to 3.1 nothing floats, and RAM ends below 256 GiB
// (a15memmap of QEMU 3.1.0). `sbsa-ref` has its RAM far up (hw/arm/sbsa-ref.c of QEMU 10.2.2).

import AddressSpaces

extension VMMProfile {
    static let qemuVirt = qemu(
        "QEMU virt (virt-7.2 and later)", versions: ["7.2.0", "10.0.13", "10.2.2"], sources: virtSources,
        nestedContract: .fixedRMR, hasHotplug: true
    ) { shape throws(VMRefusal) in try QEMUVirt.map(shape, isCompact: true) }
    static let qemuVirtLegacyHighmem = qemu(
        "QEMU virt (virt-4.0 to virt-7.1, compact-highmem=off)",
        versions: ["virt_machine_7_1_options of 10.2.2"], sources: virtSources, hasHotplug: true,
        isUsual: false
    ) { shape throws(VMRefusal) in try QEMUVirt.map(shape, isCompact: false) }
    static let qemuVirt31 = qemu(
        "QEMU virt (3.1 and earlier, fixed high map)", versions: ["3.1.0"],
        sources: ["hw/arm/virt.c (a15memmap)"], isUsual: false, layOut: QEMUVirt31.map)
    static let qemuSBSA = qemu(
        "QEMU sbsa-ref", versions: ["10.2.2"], sources: ["hw/arm/sbsa-ref.c"], layOut: QEMUSBSA.map)

    private static let virtSources = [
        "hw/arm/virt.c", "hw/vfio/listener.c", "hw/vfio/iommufd.c", "hw/virtio/virtio-iommu.c",
    ]

    /// What all machines have in common.
    private static func qemu(
        _ name: String, versions: [String], sources: [String],
        nestedContract: VMM.NestedContract = .unsupported, hasHotplug: Bool = false, isUsual: Bool = true,
        layOut: @escaping @Sendable (VMShape) throws(VMRefusal) -> GuestMap
    ) -> VMMProfile {
        VMMProfile(
            name: name, versions: versions, sources: sources,
            behaviour: [
                "RAM that cannot be mapped fails the device (-22) or, at run time, aborts QEMU.",
                "A BAR that cannot be mapped is warned about once; peer-to-peer DMA is lost.",
                "The host's ranges feed virtio-iommu only; the memory map is never adapted.",
            ],
            onBARFailure: .warning, nestedContract: nestedContract, hasHotplug: hasHotplug,
            quirks: [.mapsBARsUnasked], isUsual: isUsual, layOut: layOut)
    }
}

private enum QEMUVirt {
    static let ramBase: UInt64 = 0x4000_0000
    private static let gib: UInt64 = 1 << 30
    /// High regions never start lower, so that small guests of all sizes look alike.
    private static let highBase: UInt64 = 0x40_0000_0000
    static let ipaBitsDefault = 48

    static let banks = RAMBanks(.init(ramBase))

    static func map(_ shape: VMShape, isCompact: Bool) throws(VMRefusal) -> GuestMap {
        let bits = shape.highmem ? shape.ipaBits ?? ipaBitsDefault : 32
        let limit: UInt64 = 1 << UInt64(bits)
        let plugBase = GuestMap.alignUp(ramBase + shape.ram, gib)
        let plugSize = shape.hotplugSize + UInt64(shape.slots) * gib
        let end = plugSize > 0 ? plugBase + plugSize : ramBase + shape.ram
        guard end <= limit else { throw .addressBits(bits: bits, excess: end - limit) }
        var regions = low + steal
        if plugSize > 0 {
            regions.append(
                GuestRegion(
                    "DEVICE_MEMORY", plugBase, size: plugSize, .ram, .onDemand,
                    rule: "from the next GiB above RAM: maxmem - ram + 1 GiB a slot"))
        }
        let floating = high(
            shape, from: max(GuestMap.alignUp(plugBase + plugSize, gib), highBase), limit: limit,
            isCompact: isCompact)
        return GuestMap(
            regions + floating.regions, ram: banks.regions(size: shape.ram), banks: banks,
            gapsTo: floating.end)
    }

    /// The floating regions, each aligned to its own size. One that does not fit is left out silently; a
    /// machine before virt-7.2 still leaves a gap for it, up to which it counts address bits.
    private static func high(
        _ shape: VMShape, from base: UInt64, limit: UInt64, isCompact: Bool
    ) -> (regions: [GuestRegion], end: UInt64) {
        let wanted: [(name: String, size: UInt64, kind: GuestRegion.Kind, isOn: Bool)] = [
            ("VIRT_HIGH_GIC_REDIST2", 0x400_0000, .gic, shape.highmemRedists),
            ("VIRT_CXL_HOST", 0x10_0000, .mmio, shape.cxl),
            ("VIRT_HIGH_PCIE_ECAM", 0x1000_0000, .ecam, shape.highmemECAM),
            ("VIRT_HIGH_PCIE_MMIO", shape.highmemMMIOSize, .pcieMMIO64, shape.highmemMMIO),
        ]
        var cursor = base
        var regions: [GuestRegion] = []
        var end: UInt64 = 0
        for region in wanted {
            let start = GuestMap.alignUp(cursor, region.size)
            let fits = start + region.size <= limit
            let isOn = region.isOn && shape.highmem && fits
            if isOn {
                regions.append(
                    GuestRegion(
                        region.name, start, size: region.size, region.kind,
                        region.kind.isBARWindow ? .device : .never,
                        rule: "aligned to its size, above RAM and 256 GiB"))
            }
            if isOn || !isCompact {
                cursor = start + region.size
                if fits { end = cursor }
            }
        }
        return (regions, end)
    }

    /// The low map of all generations.
    static let fixed: [GuestRegion] = [
        GuestRegion("VIRT_FLASH", 0, size: 0x800_0000, .flash, rule: "ROM device, not given to VFIO"),
        GuestRegion("VIRT_GIC_DIST", 0x800_0000, size: 0x1_0000, .gic),
        GuestRegion("VIRT_GIC_CPU", 0x801_0000, size: 0x1_0000, .gic, rule: "GICv2"),
        GuestRegion("VIRT_GIC_V2M", 0x802_0000, size: 0x1000, .gic, rule: "doorbell at 0x8020040"),
        GuestRegion("VIRT_GIC_HYP", 0x803_0000, size: 0x1_0000, .gic, rule: "GICv2 with EL2"),
        GuestRegion("VIRT_GIC_VCPU", 0x804_0000, size: 0x1_0000, .gic, rule: "GICv2 with EL2"),
        GuestRegion("VIRT_GIC_ITS", 0x808_0000, size: 0x2_0000, .its, rule: "doorbell at 0x8090040"),
        GuestRegion("VIRT_GIC_REDIST", 0x80a_0000, size: 0xf6_0000, .gic, rule: "room for 123 vCPUs"),
        GuestRegion("VIRT_UART0", 0x900_0000, size: 0x1000, .mmio),
        GuestRegion("VIRT_RTC", 0x901_0000, size: 0x1000, .mmio),
        GuestRegion("VIRT_FW_CFG", 0x902_0000, size: 0x18, .mmio),
        GuestRegion("VIRT_GPIO", 0x903_0000, size: 0x1000, .mmio),
        GuestRegion("VIRT_UART1", 0x904_0000, size: 0x1000, .mmio),
        GuestRegion("VIRT_SMMU", 0x905_0000, size: 0x2_0000, .mmio, rule: "iommu=smmuv3"),
        GuestRegion("VIRT_MMIO", 0xa00_0000, size: 0x4000, .mmio, rule: "32 virtio-mmio transports"),
        GuestRegion(
            "VIRT_PLATFORM_BUS", 0xc00_0000, size: 0x200_0000, .mmio, .device,
            rule: GuestRegion.platformDevicesAreMapped),
        GuestRegion("VIRT_SECURE_MEM", 0xe00_0000, size: 0x100_0000, .other, rule: "secure world only"),
        GuestRegion(
            "VIRT_PCIE_MMIO", 0x1000_0000, size: 0x2eff_0000, .pcieMMIO32, .device,
            rule: "BARs of assigned devices; RAM-backed BARs of emulated ones must map"),
        GuestRegion("VIRT_PCIE_PIO", 0x3eff_0000, size: 0x1_0000, .other),
        GuestRegion(
            "VIRT_PCIE_ECAM", 0x3f00_0000, size: 0x100_0000, .ecam, rule: "used when the high ECAM is off"),
    ]

    /// What later generations have added in the gaps.
    private static let low: [GuestRegion] =
        fixed + [
            GuestRegion("VIRT_PCDIMM_ACPI", 0x907_0000, size: 0x18, .mmio),
            GuestRegion("VIRT_ACPI_GED", 0x908_0000, size: 0x4, .mmio),
            GuestRegion("VIRT_NVDIMM_ACPI", 0x909_0000, size: 0x4, .mmio),
            GuestRegion("VIRT_SECURE_GPIO", 0x90b_0000, size: 0x1000, .mmio),
            GuestRegion("VIRT_ACPI_PCIHP", 0x90c_0000, size: 0x1000, .mmio, rule: "since 10.2"),
        ]

    /// KVM's steal time is a page of RAM in the middle of the devices, and VFIO maps it.
    static let steal: [GuestRegion] = [
        GuestRegion(
            "VIRT_PVTIME", 0x90a_0000, size: 0x1_0000, .ram, .always,
            rule: "KVM steal time: RAM, so it is mapped")
    ]
}

private enum QEMUVirt31 {
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

private enum QEMUSBSA {
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
