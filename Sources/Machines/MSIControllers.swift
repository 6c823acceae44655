// Where a device's MSI writes end up: doorbells, which functions behind a root complex reach which, and the
// streams whose MSIs reach one untranslated.

public import AddressSpaces

/// A doorbell, or several, of an interrupt controller.
public struct MSIController: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case its, gicv2m, mbi
        /// The doorbell depends on the device: pre-ITS base + 4 * DeviceID.
        case preITS = "pre_its"
        case other
    }

    public var id: String
    public var kind: Kind
    public var compatible: [String]
    /// The register that MSIs are written to; nil when it depends on the device or is not known.
    public var doorbell: PhysicalAddress?
    public var enabled: Bool

    public init(id: String, kind: Kind, compatible: [String], doorbell: PhysicalAddress?, enabled: Bool) {
        self.id = id
        self.kind = kind
        self.compatible = compatible
        self.doorbell = doorbell
        self.enabled = enabled
    }
}

// Which MSI controller the functions behind an ACPI root complex reach, by their requester IDs: one root
// complex may lead to several SMMUs and ITSs. Mirrors drivers/acpi/arm64/iort.c: iort_get_device_domain,
// Linux 7.2, which takes the first ITS of the group that the ID reaches.

/// Requesters that share an MSI controller.
public struct RequesterController: Hashable, Sendable {
    /// Bus << 8 | device << 3 | function, both ends included.
    public var requesters: ClosedRange<UInt32>
    /// The controller's id.
    public var controller: String

    public init(requesters: ClosedRange<UInt32>, controller: String) {
        self.requesters = requesters
        self.controller = controller
    }
}

// Stream IDs whose MSIs an SMMU passes on untranslated, as on HiSilicon's Hi161x, and the doorbells that they
// reach. Mirrors drivers/acpi/arm64/iort.c: iort_iommu_msi_get_resv_regions, Linux 7.2.

/// Some streams of one SMMU that lead to one ITS group.
public struct UntranslatedRange: Hashable, Sendable {
    /// The SMMU's id.
    public var smmu: String
    /// Stream IDs, both ends included.
    public var streams: ClosedRange<UInt32>
    /// One for each ITS of the group whose address is known.
    public var regions: [ReservedRegion]

    public init(smmu: String, streams: ClosedRange<UInt32>, regions: [ReservedRegion]) {
        self.smmu = smmu
        self.streams = streams
        self.regions = regions
    }
}

extension Device {
    /// The hardware MSI regions of this device: those of the first of its stream IDs that leads to an ITS
    /// group. O(streams * log(ranges)).
    /// - Parameter ranges: disjoint, in ascending order of SMMU and stream ID.
    package func hardwareMSIRegions(_ ranges: [UntranslatedRange]) -> [ReservedRegion] {
        for stream in streams {
            for ids in stream.streamIDs {
                let rest = ranges[
                    ranges.partitioningIndex {
                        ($0.smmu, $0.streams.upperBound) >= (stream.smmu, ids.lowerBound)
                    }...]
                if let found = rest.first, found.smmu == stream.smmu, found.streams.overlaps(ids) {
                    return found.regions
                }
            }
        }
        return []
    }
}
