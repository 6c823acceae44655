// The reserved regions that a kernel reports for a device: which of firmware's regions its driver applies,
// and the driver's own window among them, in driver order. Mirrors
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_get_resv_regions and
// drivers/iommu/virtio-iommu.c: viommu_get_resv_regions, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
public import Machines

extension PreparedDevice {
    /// What `reserved_regions` is built from, under a window source. Mainline puts its window first,
    /// virtio-iommu after the device's own regions; the posted series puts the chosen one last, and none when
    /// every candidate is blocked. O(regions).
    public func advertised(_ source: WindowSource) -> [ReservedRegion] {
        advertised(source, offer: offer(source))
    }

    /// The window that the driver offers under a window source. O(1), and O(regions) for candidates.
    public func offer(_ source: WindowSource) -> Offer {
        var ignored = NoRecorder()
        return WindowChoice.choose(source, for: self, &ignored)
    }

    /// The list once the window is chosen.
    func advertised(_ source: WindowSource, offer: Offer) -> [ReservedRegion] {
        applied.advertising(offer.window, by: conditions.driver, isListedFirst: source.isListedFirst)
    }
}

extension [ReservedRegion] {
    /// What a driver applies, with the window that it offers.
    func advertising(
        _ window: IOVARange?, by driver: SMMU.Version, isListedFirst: Bool
    ) -> [ReservedRegion] {
        guard let window, !contains(where: { $0.kind == .softwareMSI }) else { return self }
        let offered = ReservedRegion(
            kind: .softwareMSI, start: window.start.value, length: window.sizeMinusOne &+ 1,
            provenance: .driver)
        if driver == .virtio {
            let own = filter { $0.isFromDevice }.sorted { $0.start < $1.start }
            return own + [offered] + filter { !$0.isFromDevice }
        }
        return isListedFirst ? [offered] + self : self + [offered]
    }
}

extension PreparedGroup {
    /// What the whole group reports, merged: each device in group order with a window of its own choice.
    public func advertised(_ source: WindowSource) -> GroupRegionList {
        GroupRegionList(inserting: devices.flatMap { $0.advertised(source) })
    }
}

extension ReservedRegion {
    /// Reported by the virtio-iommu itself.
    var isFromDevice: Bool {
        switch provenance {
        case .virtioProbe, .caller: true
        case .deviceTreeNode, .misreadDeviceTreeNode, .hostBridgeNode, .rmr, .driver, .untranslatedITS,
            .notApplied:
            false
        }
    }
}

extension ReservedRegion {
    /// Named on the host bridge: mainline does not hand it to the functions below.
    var isOnHostBridge: Bool {
        switch provenance {
        case .hostBridgeNode, .notApplied(_, .hostBridge): true
        case .deviceTreeNode, .misreadDeviceTreeNode, .rmr, .driver, .virtioProbe, .untranslatedITS, .caller,
            .notApplied:
            false
        }
    }

    /// Why the IOMMU driver does not report the region; nil where it does.
    func notApplied(under conditions: Conditions) -> NotApplied? {
        switch provenance {
        case .hostBridgeNode: .hostBridge
        case .deviceTreeNode, .misreadDeviceTreeNode:
            conditions.kernel.readsIOMMUAddresses ? nil : .kernel
        case .rmr: conditions.kernel.readsRMRs ? nil : .kernel
        case .driver, .virtioProbe, .untranslatedITS, .caller: nil
        case .notApplied(_, let why): why
        }
    }

    /// Whether the IOMMU driver reports the region.
    func isApplied(under conditions: Conditions) -> Bool { notApplied(under: conditions) == nil }

    /// Whether anybody withholds the region: what Linux misreads is nobody's wish.
    func isWithheld(under conditions: Conditions) -> Bool {
        provenance.isStated || isApplied(under: conditions)
    }

    /// Whether the posted v4 series sees the region, which has functions inherit those of their bridge.
    func isSeenByPostedSeries(under conditions: Conditions) -> Bool {
        isOnHostBridge || isApplied(under: conditions)
    }

    var withheldKind: WithheldItem.Kind {
        if kind == .msi { return .hardwareMSI }
        return switch provenance {
        case .deviceTreeNode, .misreadDeviceTreeNode, .hostBridgeNode: .iommuAddresses
        case .rmr: .rmr
        case .driver, .virtioProbe, .untranslatedITS, .caller, .notApplied: .reservedRegion
        }
    }

    /// Where it comes from, and what firmware means with it where the kernel does not look.
    func provenanceText(under conditions: Conditions) -> String {
        if case .notApplied = provenance { return provenanceText }
        guard notApplied(under: conditions) == .kernel else { return provenanceText }
        let wish =
            switch kind {
            case .direct: "firmware has the device use it, mapped one to one"
            case .directRelaxable: "firmware has the device's own driver use it, mapped one to one"
            case .reserved, .msi, .softwareMSI: "firmware keeps the device out of it"
            }
        let doer = conditions.kernel.doer(of: withheldKind == .rmr ? .iortRMR : .dtIOMMUAddresses)
        return "\(provenanceText), not applied: \(doer) ignores that \(wish)"
    }

    /// "region at 0x8000000 (IORT RMR node at 0x80)", for sentences.
    var phrase: String { "region at \(HexLiteral.text(start)) (\(provenanceText))" }

    package var provenanceText: String {
        switch provenance {
        case .deviceTreeNode(let path): "reserved region \(path)"
        case .misreadDeviceTreeNode(let path): "reserved region \(path), as Linux misreads it"
        case .hostBridgeNode(let path): "reserved region \(path) on the host bridge, not applied by mainline"
        case .rmr(let offset): "IORT RMR node at \(HexLiteral.text(UInt64(offset)))"
        case .driver: "IOMMU driver"
        case .virtioProbe: "region of the virtio-iommu device"
        case .untranslatedITS(let name): "translation frame of \(name), reached untranslated"
        case .caller(let words), .notApplied(let words, _): words
        }
    }
}

extension Device {
    /// What the IOMMU driver reports of firmware's regions under these conditions, in firmware's order.
    package func appliedRegions(under conditions: Conditions) -> [ReservedRegion] {
        firmwareRegions.filter { $0.isApplied(under: conditions) }
    }
}

extension UnappliedRegion {
    /// Where its region comes from, and why Linux does not apply it.
    func provenanceText(of region: ReservedRegion) -> String {
        "\(region.provenanceText), not applied: \(reason.phrase)"
    }
}
