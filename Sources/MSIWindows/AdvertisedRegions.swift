// The regions that an IOMMU driver reports for a device, software-MSI window included, in driver order.

import AddressSpaces
public import Platforms
public import SMMUModel

/// What `reserved_regions` of the device's group is built from.
public enum AdvertisedRegions {
    /// The list under a window source. Mainline puts its window first; the posted series puts the chosen
    /// one last, and none when every candidate is blocked.
    public static func list(
        for device: Device, source: WindowSource, conditions: Conditions, withheld: Withheld
    ) -> [ReservedRegion] {
        let firmware = device.firmwareRegions.filter { $0.isApplied(to: device, under: conditions) }
        switch source {
        case .fixed:
            return [window(WindowSource.mainlineBase, WindowSource.mainlineSize)] + firmware
        case .candidates:
            var ignored = NoRecorder()
            let chosen = CandidateChoice.choose(
                source, withheld: withheld, device: device, conditions, &ignored)
            return firmware + (chosen.map { [window($0.start.value, $0.sizeMinusOne &+ 1)] } ?? [])
        }
    }

    static func window(_ base: UInt64, _ size: UInt64) -> ReservedRegion {
        ReservedRegion(kind: .softwareMSI, start: base, length: size, provenance: .driver)
    }
}
