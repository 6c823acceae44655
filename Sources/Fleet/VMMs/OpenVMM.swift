// OpenVMM on arm64. Linux direct boot has had RAM from 1 GiB since May 2026; UEFI boot has it from 0, on top
// of the default window; pull request 4372 would split 32 MiB off. Mirrors
// openvmm/openvmm_core/src/worker/memory_layout.rs and vm/vmcore/vm_topology/src/layout.rs at 1488a37b7cfe.

import AddressSpaces
import MSIWindows

extension VMMProfile {
    static let openVMMLinux = openVMM("OpenVMM, Linux direct boot", boot: .linux)
    static let openVMMUEFI = openVMM("OpenVMM, UEFI boot", boot: .uefi)
    static let openVMMUEFISplit = openVMM(
        "OpenVMM, UEFI boot as pull request 4372 proposes", versions: ["pull request 4372 (open, 2026-09)"],
        boot: .uefiSplit)

    private static func openVMM(
        _ name: String, versions: [String] = ["1488a37b7cfe"], boot: OpenVMM.Boot
    ) -> VMMProfile {
        VMMProfile(
            name: name, versions: versions,
            sources: [
                "openvmm/openvmm_core/src/worker/memory_layout.rs", "vm/vmcore/vm_topology/src/layout.rs",
                "vmm_core/virt/src/generic.rs",
            ],
            behaviour: [
                "RAM that cannot be mapped is fatal; a BAR is warned about.",
                "On KVM the window is taken as fixed at \(WindowSource.mainlineWindow.text).",
            ],
            onBARFailure: .warning, nestedContract: .followsWindow,
            // UEFI boot puts RAM at 0, which leaves nothing that other VMMs leave free.
            otherModes: boot == .linux ? [] : [.openVMMLinux],
            isUsual: boot == .linux,
            layOut: { OpenVMM.map($0, boot: boot) })
    }
}

private enum OpenVMM {
    enum Boot {
        case linux, uefi
        /// As proposed by pull request 4372.
        case uefiSplit
    }

    private static let gib: UInt64 = 1 << 30
    private static let fourGiB: UInt64 = 0x1_0000_0000
    /// The root complex's 64 MiB lie top down below the chipset's window.
    private static let lowEnd: UInt64 = 0xeb00_0000

    static func map(_ shape: VMShape, boot: Boot) -> GuestMap {
        let banks = banks(boot)
        let ram = banks.regions(size: shape.ram)
        let ramEnd = (ram.last?.range.last.value ?? 0) + 1
        let high = GuestMap.alignUp(max(ramEnd, fourGiB), gib)
        let floating: [GuestRegion] = [
            GuestRegion(
                "PCIE_HIGH_MMIO", high, size: gib, .pcieMMIO64, .device,
                rule: "1 GiB, aligned to it, above RAM and 4 GiB"),
            GuestRegion("PCIE_ECAM", high + gib, size: 0x1000_0000, .ecam, rule: "1 MiB a bus"),
        ]
        return GuestMap(fixed + floating, ram: ram, banks: banks)
    }

    /// RAM that must be split fills the low bank in whole GiB.
    private static func banks(_ boot: Boot) -> RAMBanks {
        func low(_ base: UInt64) -> RAMBanks.Bank {
            .init(base, lowEnd - base, split: (lowEnd - base) / gib * gib)
        }
        return switch boot {
        case .linux: RAMBanks(low(gib), .init(fourGiB))
        case .uefi: RAMBanks(low(0), .init(fourGiB))
        case .uefiSplit: RAMBanks(.init(0, 0x200_0000), low(gib), .init(fourGiB))
        }
    }

    private static let fixed: [GuestRegion] = [
        GuestRegion("CHIPSET_LOW_MMIO", 0xef00_0000, size: 0x1100_0000, .mmio),
        GuestRegion("GIC_ITS", 0xeffc_0000, size: 0x2_0000, .its),
        GuestRegion("GIC_V2M", 0xeffe_8000, size: 0x1000, .gic),
        GuestRegion("GIC_REDIST", 0xefff_0000, size: 0x10_0000, .gic),
        GuestRegion("GIC_DIST", 0xffff_0000, size: 0x1_0000, .gic),
        GuestRegion("PCIE_LOW_MMIO", lowEnd, size: 0x400_0000, .pcieMMIO32, .device),
    ]
}
