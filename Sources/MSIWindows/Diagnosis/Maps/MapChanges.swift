// What to change so that a map works: sentences with the numbers of the case, and where each VMM takes them.

import AddressSpaces
import Machines

enum MapChanges {
    static let alignRegion =
        "Align the memory and its guest address to the host's pages; for small BARs the guest may be told to use whole pages."

    /// What to send for an exact answer.
    static func sendHost(_ failure: MapFailure) -> [String] {
        let group = failure.group ?? "N"
        let device = failure.device ?? "the device"
        let which =
            failure.group == nil
            ? "the group of \(device) (readlink /sys/bus/pci/devices/\(failure.device ?? "...")/iommu_group names it)"
            : "group \(group)"
        return [
            "Ask again with the reserved regions of \(which): cat /sys/kernel/iommu_groups/\(group)/reserved_regions > "
                + "regions.txt, and add --machine regions.txt (over HTTP: \"reserved_regions\" beside the text, or a stored "
                + "\"platform\" and its \"device\"). The answer then names the region, and where the map fits."
        ]
    }

    /// What to do about the first obstacle of a range.
    static func around(
        _ blocker: MapExplanation.Blocker, _ range: IOVARange, _ failure: MapFailure, _ page: Granule
    ) -> [String] {
        switch blocker.verdict {
        case .softwareWindow:
            pieces(blocker, range, page) + [
                "Arrange the guest's memory so that no RAM and no BAR that is mapped for the device lies in "
                    + "\(blocker.range.text): released kernels offer this window to every device behind an Arm SMMU.",
                WindowRemedy.askForPlacement,
            ]
        case .reservedRegion:
            pieces(blocker, range, page) + [memoryBelow(blocker, range, page)].compactMap { $0 }
        case .outsideAperture: lowerAddresses(failure)
        case .outsideRanges: pieces(blocker, range, page)
        case .existingMapping, .limit, .alignment, .overflow, .badAddress, .refusedAttach, .refusedUnmap,
            .notKnown:
            []
        }
    }

    /// The parts of a range that are left around an obstacle.
    private static func pieces(
        _ blocker: MapExplanation.Blocker, _ range: IOVARange, _ page: Granule
    ) -> [String] {
        let hole = page.pages(around: blocker.range)
        let rest = IOVASet([range]).subtracting(IOVASet([hole])).ranges
        guard !rest.isEmpty else {
            return ["Move what is to be mapped: all of it lies in \(blocker.range.text)."]
        }
        let parts = rest.map(\.text).joined(separator: " and ")
        return [
            rest.count == 1
                ? "In the VMM, map only \(parts)."
                : "In the VMM, leave \(hole.text) out: map \(parts) separately."
        ]
    }

    private static func memoryBelow(
        _ blocker: MapExplanation.Blocker, _ range: IOVARange, _ page: Granule
    ) -> String? {
        let bytes = page.alignDown(blocker.range.start.value)
        guard bytes > range.start.value else { return nil }
        let mebibytes = (bytes - range.start.value) >> 20
        return mebibytes == 0
            ? nil
            : "Or give the guest at most \(mebibytes) MiB from \(range.start.hex) on, so that its memory ends below the region."
    }

    /// What lowers the addresses that a guest uses.
    static func lowerAddresses(_ failure: MapFailure) -> [String] {
        let own: String =
            switch failure.program {
            case .qemu:
                "QEMU: -cpu host,host-phys-bits-limit=39 (x86), or -machine virt,highmem-mmio=off (arm64), so that firmware "
                    + "puts BARs lower; a BAR that fails costs only DMA between devices."
            case .cloudHypervisor:
                "Cloud Hypervisor: --cpus max_phys_bits=39, so that BARs are allocated lower; or vfio_p2p_dma=off."
            case .crosvm, .firecracker, .rustVMM, .openVMM, .kvmtool, .unknown:
                "Give the guest fewer physical address bits than the IOMMU translates, so that firmware puts BARs lower."
            case .dpdk, .spdk:
                "DPDK: --base-virtaddr below the IOMMU's limit, or --iova-mode=pa, so that IOVAs are lower."
            case .kernel: "Use addresses that the IOMMU translates."
            }
        return [own, "Check the IOMMU's width: iova_ranges of VFIO_IOMMU_GET_INFO end there."]
    }
}
