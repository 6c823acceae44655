// What to do where Linux refuses a group or a step: the one home of these acts. A refusal is thrown with the
// one that helps, where there is one; decisions and failed maps say it.

import AddressSpaces
import Machines

/// An act that helps against a refusal.
enum RefusalRemedy: Hashable {
    /// The device has no IOMMU group.
    case makeGroup
    /// MSIs are not isolated.
    case isolateInterrupts
    /// Memory must be mapped one to one.
    case dropDirectRegion
    /// Another driver has a device of the group.
    case bindGroup(id: String?)
    /// Kernel drivers may not use the group.
    case returnGroup
    /// Every candidate for a window is blocked; the bases are free.
    case moveCandidates([IOVA])
    /// What is mapped or allowed meets a range that must stay free.
    case leaveOut(IOVARange, isWindow: Bool)
    /// What is mapped or allowed lies beyond what the IOMMU translates.
    case fitAperture(IOVARange)
    case useVFIO
    /// The kernel has none as its release, and a later one has, or it was built without.
    case useVFIOOrKernelWithIOMMUFD(isRelease: Bool)
    case useLargerPages(Granule)
    case setOptionEarlier
    case alignOption
    /// The window of the option lies where it may not; the bases are free.
    case moveOption([IOVA])

    /// Sentences for a person.
    var changes: [String] {
        switch self {
        case .makeGroup:
            [
                "Have firmware describe the IOMMU of the device (device tree: iommus or iommu-map; ACPI: IORT or VIOT), and "
                    + "use a kernel with that IOMMU's driver: the device then has a group."
            ]
        case .isolateInterrupts:
            [
                "Enable interrupt remapping in firmware and kernel (x86: intremap; Arm: an ITS as MSI controller).",
                "On a host that you trust the guest with: allow_unsafe_interrupts=1 for vfio_iommu_type1, or for iommufd.",
            ]
        case .dropDirectRegion:
            [
                "Ask firmware to drop the region or to mark it relaxable (IORT RMR with remapping permitted), or give the guest "
                    + "another device; no other window helps."
            ]
        case .bindGroup(let id):
            [
                "Bind every device of the group to vfio-pci or to no driver; ls /sys/kernel/iommu_groups/"
                    + "\(id ?? "N")/devices lists them."
            ]
        case .returnGroup:
            [
                "End what holds the group (a VMM, vfio-pci), unbind its devices, and write DMA to "
                    + "/sys/kernel/iommu_groups/N/type; kernel drivers can use it then."
            ]
        case .moveCandidates(let bases):
            bases.isEmpty ? [] : ["Add a base that is free to the candidates: \(Self.text(bases))."]
        case .leaveOut(let range, let isWindow):
            [
                "Leave \(range.text) out of what is mapped and allowed, or give the group an address space of its own."
            ] + (isWindow ? [WindowRemedy.askForPlacement] : [])
        case .fitAperture(let aperture):
            [
                "Map only what the group's IOMMU translates, \(aperture.text), or give the group an address space of its own."
            ]
        case .useVFIO: ["Use VFIO type1, which takes the device."]
        case .useVFIOOrKernelWithIOMMUFD(let isRelease):
            ["Use VFIO type1, or \(isRelease ? "Linux 6.2 or later, which" : "a kernel that") has iommufd."]
        case .useLargerPages(let page):
            [
                "Boot a kernel whose pages have at least \(HexLiteral.text(page.bytes)) bytes, as the IOMMU's have."
            ]
        case .setOptionEarlier: ["Set the options before the device is attached."]
        case .alignOption: ["Send multiples of 1 MiB whose sum is at most 2^64."]
        case .moveOption(let bases):
            bases.isEmpty ? [] : ["Set another base, which is free: \(Self.text(bases))."]
        }
    }

    private static func text(_ bases: [IOVA]) -> String { bases.map(\.hex).joined(separator: " or ") }
}

extension PreparedGroup {
    /// Where a window for every device could be.
    var freeForWindow: IOVASet {
        devices.reduce(device.withheld.freeForWindow) { $0.intersection($1.withheld.freeForWindow) }
    }

    /// Bases of such windows.
    var freeBases: [IOVA] { WindowRemedy.bases(in: freeForWindow, avoiding: nil) }
}
