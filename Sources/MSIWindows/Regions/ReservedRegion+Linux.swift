// Which of a device's firmware regions a kernel release applies, and how they are named.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
package import Machines

extension ReservedRegion {
    /// Named on the host bridge: mainline does not hand it to the functions below.
    var isOnHostBridge: Bool {
        if case .hostBridgeNode = provenance { true } else { false }
    }

    /// Whether the IOMMU driver reports the region for the device.
    func isApplied(to device: Device, under conditions: Conditions) -> Bool {
        switch provenance {
        case .hostBridgeNode: false
        case .deviceTreeNode: device.kind != .pciFunction || conditions.kernel.readsRegionsOfPCIFunctions
        case .rmr, .driver, .virtioProbe, .untranslatedITS, .caller: true
        }
    }

    var withheldKind: WithheldItem.Kind {
        if kind == .msi { return .hardwareMSI }
        return switch provenance {
        case .deviceTreeNode, .hostBridgeNode: .iommuAddresses
        case .rmr: .rmr
        case .driver, .virtioProbe, .untranslatedITS, .caller: .reservedRegion
        }
    }

    package var provenanceText: String {
        switch provenance {
        case .deviceTreeNode(let path): "reserved region \(path)"
        case .hostBridgeNode(let path): "reserved region \(path) on the host bridge, not applied by mainline"
        case .rmr(let offset): "IORT RMR node at \(HexLiteral.text(UInt64(offset)))"
        case .driver: "IOMMU driver"
        case .virtioProbe: "region of the virtio-iommu device"
        case .untranslatedITS(let name): "translation frame of \(name), reached untranslated"
        case .caller(let words): words
        }
    }
}

extension Device {
    /// What the IOMMU driver reports of firmware's regions under these conditions, in firmware's order.
    package func appliedRegions(under conditions: Conditions) -> [ReservedRegion] {
        firmwareRegions.filter { $0.isApplied(to: self, under: conditions) }
    }
}
