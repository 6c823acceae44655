// Why Linux gives a device no IOMMU although firmware names one for it, or may give it none: the one home of
// these reasons and of their sentences. Mirrors drivers/iommu/of_iommu.c: of_iommu_xlate and
// of_iommu_configure, drivers/of/device.c: of_dma_configure_id, and drivers/acpi/arm64/iort.c:
// iort_iommu_configure_id, Linux 7.2: whatever is wrong, unless a driver is still to come, the device goes on
// without its IOMMU, and so without a group.

/// What is wrong with a device's way to an IOMMU in a device tree or in tables.
public enum MissingIOMMU: Hashable, Sendable {
    /// The `iommu-map` above it cannot be read, or not as far as its ID.
    case unreadableMap
    /// No entry of the `iommu-map` holds its ID.
    case unmapped
    /// Tables: no ID mapping of its root complex holds its ID.
    case noMapping
    /// Every IOMMU that is named for it is disabled.
    case disabled
    /// The `iommu-map` holds no ID: it is a placeholder, which boot firmware fills.
    case placeholder
    /// `iommus` names a disabled IOMMU beside an enabled one.
    case besideDisabled
    /// The `iommu-map` gives some IDs to a disabled IOMMU, and the device's ID is not known.
    case partlyDisabled
    /// The `iommu-map` can be read up to a later entry, and the device's ID is not known.
    case partlyReadable
    /// The last entry of the `iommu-map` is cut off: kernels differ in what becomes of the others.
    case cutMap

    /// Whether the tree settles it.
    package var isCertain: Bool {
        switch self {
        case .unreadableMap, .unmapped, .noMapping, .disabled: true
        case .placeholder, .besideDisabled, .partlyDisabled, .partlyReadable, .cutMap: false
        }
    }
}

extension Device {
    /// Whether Linux gives the device no IOMMU. A group that a running kernel reported says that it did.
    public var lacksIOMMU: Bool {
        missingIOMMU?.isCertain == true && groupType == nil && reportedRegions == nil
    }

    /// Why it has none, to begin a sentence with; nil where it has one or may have one.
    public var lacksIOMMUBecause: String? {
        guard lacksIOMMU, let missingIOMMU else { return nil }
        return switch missingIOMMU {
        case .unreadableMap: "Linux reads no stream ID for \(id) from its iommu-map"
        case .unmapped: "No entry of the iommu-map holds the ID of \(id)"
        case .noMapping:
            "No ID mapping of \(hostBridge ?? "the root complex") in the IORT or VIOT holds the ID of \(id)"
        case .disabled: "Every IOMMU that firmware names for \(id) is disabled"
        case .placeholder, .besideDisabled, .partlyDisabled, .partlyReadable, .cutMap: nil
        }
    }

    /// A sentence for a warning; nil where the device has an IOMMU.
    public var missingIOMMURemark: String? {
        if let because = lacksIOMMUBecause {
            let effect =
                missingIOMMU == .disabled
                ? "" : "; an SMMU in their way takes them, as all its DMA, for those of an unknown stream"
            return
                "\(because), so it has no IOMMU group: its MSIs go to physical addresses\(effect), and VFIO refuses the device."
        }
        guard groupType == nil, reportedRegions == nil else { return nil }
        return missingIOMMU?.doubt(about: self)
    }
}

extension MissingIOMMU {
    /// What the tree leaves open, and what the answer is that of; nil where it settles the matter.
    fileprivate func doubt(about device: Device) -> String? {
        let map = "The iommu-map of \(device.hostBridge ?? device.id)"
        return switch self {
        case .unreadableMap, .unmapped, .noMapping, .disabled: nil
        case .placeholder:
            "\(map) holds no ID as it was sent: it is a placeholder, and boot firmware fills it. The "
                + "answer is that for a map that is filled; with this one the device has no IOMMU group."
        case .besideDisabled:
            "Firmware names a disabled IOMMU for \(device.id) beside an enabled one: Linux may then give it no "
                + "IOMMU at all. The answer is that for a device behind the enabled one; otherwise it has no IOMMU group."
        case .partlyDisabled:
            "\(map) gives some IDs to a disabled IOMMU. The answer is that for an ID that goes to an "
                + "enabled one; a device with another ID has no IOMMU group."
        case .partlyReadable:
            "\(map) can be read up to a mistake. The answer is that for an ID that an entry before the mistake "
                + "holds; a device with another ID has no IOMMU group."
        case .cutMap:
            "The last entry of the iommu-map of \(device.hostBridge ?? device.id) is cut off: some kernels then "
                + "translate no ID, others those of the entries before it. The answer is that for an ID that such "
                + "an entry holds under the latter; otherwise the device has no IOMMU group."
        }
    }
}

extension Sequence<Device> {
    /// The first that has no IOMMU for certain, or else the first that may have none.
    public var withoutIOMMU: Device? {
        first(where: \.lacksIOMMU) ?? first { $0.missingIOMMURemark != nil }
    }
}
