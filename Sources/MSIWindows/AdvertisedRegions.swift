// The regions that an IOMMU driver reports for a device, software-MSI window included, in driver order.
// Mirrors drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_get_resv_regions and
// drivers/iommu/virtio-iommu.c: viommu_get_resv_regions, Linux 7.2.

public import AddressSpaces
public import Platforms
public import SMMUModel

/// What `reserved_regions` of the device's group is built from.
public enum AdvertisedRegions {
    /// The list under a window source. Mainline puts its window first, virtio-iommu behind the device's own
    /// regions; the posted series puts the chosen one last, and none when every candidate is blocked.
    public static func list(
        for device: Device, source: WindowSource, conditions: Conditions, usable: [IOVARange]? = nil
    ) -> [ReservedRegion] {
        var ignored = NoRecorder()
        let withheld = Withheld(for: device, under: conditions, usable: usable)
        let offer = WindowChoice.choose(source, for: device, conditions, withheld, &ignored)
        return list(for: device, offer: offer, source: source, conditions: conditions)
    }

    /// The list once the window is chosen.
    static func list(
        for device: Device, offer: Offer, source: WindowSource, conditions: Conditions
    ) -> [ReservedRegion] {
        let firmware = device.rounded(to: conditions.pageSize).firmwareRegions.filter {
            $0.isApplied(to: device, under: conditions)
        }
        guard let window = offer.window, !firmware.contains(where: { $0.kind == .softwareMSI }) else {
            return firmware
        }
        let offered = ReservedRegion(
            kind: .softwareMSI, start: window.start.value, length: window.sizeMinusOne &+ 1,
            provenance: .driver)
        if conditions.driver == .virtio {
            let own = firmware.filter { $0.isFromDevice }.sorted { $0.start < $1.start }
            return own + [offered] + firmware.filter { !$0.isFromDevice }
        }
        return source.isListedFirst ? [offered] + firmware : firmware + [offered]
    }

    /// What the whole group reports, merged: each device in group order with a window of its own choice.
    public static func group(
        _ group: IOMMUGroup, source: WindowSource, conditions: Conditions
    ) -> GroupRegionList {
        GroupRegionList(
            inserting: group.devices.flatMap { list(for: $0, source: source, conditions: conditions) })
    }
}

extension ReservedRegion {
    /// Reported by the virtio-iommu itself.
    var isFromDevice: Bool {
        switch provenance {
        case .virtioProbe, .caller: true
        case .deviceTreeNode, .hostBridgeNode, .rmr, .driver, .untranslatedITS: false
        }
    }
}

extension WindowSource {
    /// Mainline's driver reports its window before everything else, the posted series behind it.
    var isListedFirst: Bool {
        switch self {
        case .fixed: true
        case .user(let option): option.driver.isListedFirst
        case .candidates, .dynamic, .none: false
        }
    }
}
