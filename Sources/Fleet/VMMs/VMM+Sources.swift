// Which version of each VMM was read, and where: a map without its source is a rumour.

import AddressSpaces
import MSIWindows
import Machines

extension VMM {
    /// Name and variant, for people.
    public var name: String {
        switch self {
        case .qemuVirt: "QEMU virt (virt-7.2 and later)"
        case .qemuVirtLegacyHighmem: "QEMU virt (virt-4.0 to virt-7.1, compact-highmem=off)"
        case .qemuVirt31: "QEMU virt (3.1 and earlier, fixed high map)"
        case .qemuSBSA: "QEMU sbsa-ref"
        case .cloudHypervisor: "Cloud Hypervisor"
        case .crosvm: "crosvm"
        case .firecracker: "Firecracker"
        case .kvmtool: "kvmtool"
        case .xenGuest: "Xen guest (xl/libxl domU)"
        case .openVMMLinux: "OpenVMM, Linux direct boot"
        case .openVMMUEFI: "OpenVMM, UEFI boot"
        case .openVMMUEFISplit: "OpenVMM, UEFI boot as pull request 4372 proposes"
        }
    }

    /// The releases or commits that the map was read from.
    public var versions: [String] {
        switch self {
        case .qemuVirt: ["7.2.0", "10.0.13", "10.2.2"]
        case .qemuVirtLegacyHighmem: ["virt_machine_7_1_options of 10.2.2"]
        case .qemuVirt31: ["3.1.0"]
        case .qemuSBSA: ["10.2.2"]
        case .cloudHypervisor: ["v53.0-246-gae44c2971"]
        case .crosvm: ["f1e797a68dad"]
        case .firecracker: ["v1.16.0-dev-617 (81b38b9dad60)"]
        case .kvmtool: ["b48735e5d562"]
        case .xenGuest: ["4.23-dev-196 (c447b7308b13)"]
        case .openVMMLinux, .openVMMUEFI: ["1488a37b7cfe"]
        case .openVMMUEFISplit: ["pull request 4372 (open, 2026-09)"]
        }
    }

    /// Files that say where things lie and what is mapped.
    public var sources: [String] {
        switch self {
        case .qemuVirt, .qemuVirtLegacyHighmem:
            ["hw/arm/virt.c", "hw/vfio/listener.c", "hw/vfio/iommufd.c", "hw/virtio/virtio-iommu.c"]
        case .qemuVirt31: ["hw/arm/virt.c (a15memmap)"]
        case .qemuSBSA: ["hw/arm/sbsa-ref.c"]
        case .cloudHypervisor:
            [
                "arch/src/aarch64/layout.rs", "devices/src/gic.rs", "vmm/src/memory_manager.rs",
                "vmm/src/device_manager.rs", "pci/src/vfio.rs",
            ]
        case .crosvm: ["aarch64/src/lib.rs", "devices/src/vfio.rs", "devices/src/virtio/iommu.rs"]
        case .firecracker: ["src/vmm/src/arch/aarch64/layout.rs", "src/vmm/src/builder.rs"]
        case .kvmtool: ["arm/include/arm-common/kvm-arch.h", "arm/kvm.c", "vfio/core.c", "hw/cfi_flash.c"]
        case .xenGuest: ["xen/include/public/arch-arm.h", "tools/libs/guest/xg_dom_arm.c"]
        case .openVMMLinux, .openVMMUEFI, .openVMMUEFISplit:
            [
                "openvmm/openvmm_core/src/worker/memory_layout.rs", "vm/vmcore/vm_topology/src/layout.rs",
                "vmm_core/virt/src/generic.rs",
            ]
        }
    }

    /// What it does about the host's reserved regions, and when a mapping fails.
    public var behaviour: [String] {
        switch self {
        case .qemuVirt, .qemuVirtLegacyHighmem, .qemuVirt31, .qemuSBSA:
            [
                "RAM that cannot be mapped fails the device (-22) or, at run time, aborts QEMU.",
                "A BAR that cannot be mapped is warned about once; peer-to-peer DMA is lost.",
                "The host's ranges feed virtio-iommu only; the memory map is never adapted.",
            ]
        case .cloudHypervisor:
            [
                "Any mapping that fails is fatal, BARs included while vfio_p2p_dma is on.",
                "BARs are handed out top down: pin max_phys_bits for a pool of hosts.",
                "Nothing reads the host's ranges; virtio-iommu does not forward them.",
            ]
        case .crosvm:
            [
                "All guest memory is mapped, BARs never.",
                "virtio-iommu reports the x86 window \(DriverWindow.x86.text) on arm64 too.",
            ]
        case .firecracker: ["Mapped regions are rolled back when one fails; the VM does not start."]
        case .kvmtool:
            [
                "Reads reserved_regions of every group and aborts when one overlaps RAM, relaxable or not.",
                "Stops reading at a direct-relaxable line: later reservations are lost.",
            ]
        case .xenGuest: ["The p2m is the SMMU's stage 2: whatever is in it is reachable."]
        case .openVMMLinux, .openVMMUEFI, .openVMMUEFISplit:
            [
                "RAM that cannot be mapped is fatal; a BAR is warned about.",
                "On KVM the window is taken as fixed at \(WindowSource.mainlineWindow.text).",
            ]
        }
    }
}
