// Firecracker on arm64: 254 GiB of RAM from 2 GiB, the rest from 512 GiB, at most 1022 GiB. Mirrors
// src/vmm/src/arch/aarch64/layout.rs of v1.16.0-dev; device assignment is from the open pull requests.

import AddressSpaces

extension VMMProfile {
    static let firecracker = VMMProfile(
        name: "Firecracker",
        versions: ["v1.16.0-dev-617 (81b38b9dad60)"],
        sources: ["src/vmm/src/arch/aarch64/layout.rs", "src/vmm/src/builder.rs"],
        behaviour: ["Mapped regions are rolled back when one fails; the VM does not start."],
        onBARFailure: .warning, hasHotplug: true, quirks: [.lacksIOMMUFD],
        layOut: Firecracker.map)
}

private enum Firecracker {
    private static let banks = RAMBanks(
        .init(0x8000_0000, 0x3f_8000_0000), .init(highBase, 0xff_8000_0000 - 0x3f_8000_0000))
    private static let highBase: UInt64 = 0x80_0000_0000
    private static let ipaBits = 40

    static func map(_ shape: VMShape) throws(VMRefusal) -> GuestMap {
        let size = min(shape.ram, banks.capacity)
        var notes = ["VFIO is not in a release yet: see pull requests 6055, 6114 and 6219."]
        if size < shape.ram { notes.append("RAM truncated to \(banks.capacity >> 30) GiB with a warning") }
        let ram = banks.regions(size: size)
        let redistributors = 0x3fff_0000 - 0x2_0000 * UInt64(shape.vcpus)
        var regions =
            fixed + [
                GuestRegion("GICV3_REDIST", IOVARange(proven: redistributors, 0x3ffe_ffff), .gic),
                GuestRegion("GICV3_ITS", redistributors - 0x2_0000, size: 0x2_0000, .its),
            ]
        if shape.hotplugSize > 0 {
            let base = max(highBase, (ram.last?.range.last.value ?? 0) + 1)
            let end = base + shape.hotplugSize
            guard end <= 1 << UInt64(ipaBits) else {
                throw .addressBits(bits: ipaBits, excess: end - (1 << UInt64(ipaBits)))
            }
            regions.append(
                GuestRegion(
                    "VIRTIO_MEM", base, size: shape.hotplugSize, .ram, .onDemand,
                    rule: "first fit from 512 GiB"))
        }
        return GuestMap(regions, ram: ram, banks: banks, notes: notes)
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("GICV3_DIST", 0x3fff_0000, size: 0x1_0000, .gic),
        GuestRegion("BOOT/RTC/SERIAL", 0x4000_0000, size: 0x3000, .mmio),
        GuestRegion(
            "MMIO32_DEVICES", IOVARange(proven: 0x4000_3000, 0x6fff_ffff), .pcieMMIO32, .device,
            rule: "PR 6055 maps BARs, PR 6114 does not yet"),
        GuestRegion("PCI_MMCONFIG", 0x7000_0000, size: 0x1000_0000, .ecam),
        GuestRegion("MMIO64", 0x40_0000_0000, size: 0x40_0000_0000, .pcieMMIO64, .device),
    ]
}
