// crosvm on arm64: RAM from 2 GiB, then 1 GiB for platform devices, then the high PCI window, whose BARs it
// does not map. Mirrors aarch64/src/lib.rs and devices/src/vfio.rs at f1e797a68dad.

import AddressSpaces
import Machines

extension VMMProfile {
    static let crosvm = VMMProfile(
        name: "crosvm",
        versions: ["f1e797a68dad"],
        sources: ["aarch64/src/lib.rs", "devices/src/vfio.rs", "devices/src/virtio/iommu.rs"],
        behaviour: [
            "All guest memory is mapped, BARs never.",
            "virtio-iommu reports the x86 window \(DriverWindow.x86.text) on arm64 too.",
        ],
        onBARFailure: .none, quirks: [.reportsX86Window, .lacksIOMMUFD], layOut: Crosvm.map)
}

private enum Crosvm {
    private static let banks = RAMBanks(.init(0x8000_0000))
    private static let platformSize: UInt64 = 0x4000_0000
    private static let bitsDefault = 40

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        let ramEnd = 0x8000_0000 + shape.ram
        let end = ramEnd + platformSize
        // The hypervisor reports the bits; a host that runs such a guest has enough of them.
        let bits = shape.ipaBits ?? max(bitsDefault, 64 - (end - 1).leadingZeroBitCount)
        let limit: UInt64 = 1 << UInt64(bits)
        guard end <= limit else { throw .addressBits(bits: bits, excess: end - limit) }
        let redistributors = 0x3fff_0000 - 0x2_0000 * UInt64(shape.vcpus)
        var regions =
            fixed + [
                GuestRegion("GIC_REDIST", IOVARange(proven: redistributors, 0x3ffe_ffff), .gic),
                GuestRegion(
                    "PLATFORM_MMIO", ramEnd, size: platformSize, .mmio, .device,
                    rule: GuestRegion.platformDevicesAreMapped),
            ]
        if shape.isProtected {
            regions.append(
                GuestRegion(
                    "PVM_FW", 0x7fc0_0000, size: 0x40_0000, .ram, .onDemand, rule: "protected VMs"))
        }
        if end < limit {
            regions.append(
                GuestRegion(
                    "PCI_MEM_HIGH", IOVARange(proven: end, limit - 1), .pcieMMIO64,
                    rule: GuestRegion.barsAreNotMapped))
        }
        return GuestMap(regions, ram: banks.regions(size: shape.ram), banks: banks)
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("SERIAL/RTC/VMWDT", 0, size: 0x4000, .mmio),
        GuestRegion("PCI_CAM", 0x1_0000, size: 0x100_0000, .ecam),
        GuestRegion("VIRTFREQ", 0x104_0000, size: 0x1_0000, .mmio),
        GuestRegion("PVTIME", 0x1ff_0000, size: 0x1_0000, .other, rule: "a memory slot of its own"),
        GuestRegion(
            "PCI_MEM_LOW", 0x200_0000, size: 0x200_0000, .pcieMMIO32, rule: GuestRegion.barsAreNotMapped),
        GuestRegion("GIC_DIST", 0x3fff_0000, size: 0x1_0000, .gic),
        GuestRegion("GIC_ITS", 0x4000_0000, size: 0x2_0000, .its),
    ]
}
