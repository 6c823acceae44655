// One question: a group under conditions, a window source, a consumer, and the doorbells to be mapped;
// and what happened before.

public import AddressSpaces
public import Platforms

/// What a decision is asked about.
public struct Question: Hashable, Sendable {
    public var group: IOMMUGroup
    /// Usable ranges that the caller knows of; nil when nothing is known.
    public var usable: [IOVARange]?
    public var consumer: Consumer
    public var source: WindowSource
    public var conditions: Conditions
    /// Doorbell registers in the order in which they are first used.
    public var doorbells: [PhysicalAddress]

    /// dma_api: the device's DMA mask when the vectors are requested. All ones stands for a driver that
    /// has set 64 bits; before a driver sets one it is 32 bits.
    public var dmaMask = UInt64.max
    /// dma_api: what the domain was used for before, in order.
    public var history: [DMAOperation] = []

    /// vfio_type1 and iommufd: groups in the same container or address space, in order of attachment.
    public var earlierGroups: [AttachedGroup] = []
    /// vfio_type1 and iommufd: what is mapped before the group is attached.
    public var mappings: [IOVARange] = []
    /// iommufd: the set of IOMMU_IOAS_ALLOW_IOVAS; empty for none.
    public var allowed: [IOVARange] = []
    /// vfio_type1 and iommufd: mappings to try once the group is attached, each by itself.
    public var mapChecks: [MapCheck] = []

    public init(
        group: IOMMUGroup, usable: [IOVARange]? = nil, consumer: Consumer = .vfioType1,
        source: WindowSource = .fixed, conditions: Conditions = Conditions(),
        doorbells: [PhysicalAddress] = []
    ) {
        self.group = group
        self.usable = usable
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        self.doorbells = doorbells
    }

    /// A device in a group of its own.
    public init(
        device: Device, usable: [IOVARange]? = nil, consumer: Consumer = .vfioType1,
        source: WindowSource = .fixed, conditions: Conditions = Conditions(),
        doorbells: [PhysicalAddress] = []
    ) {
        self.init(
            group: IOMMUGroup(device), usable: usable, consumer: consumer, source: source,
            conditions: conditions, doorbells: doorbells)
    }

    public var device: Device { group.device }

    /// Regions, windows and ranges that an answer reads, over all devices: what its cost grows with.
    public var regionsCount: Int {
        let devices = group.devices + earlierGroups.flatMap(\.group.devices)
        return devices.reduce(usable?.count ?? 0) {
            $0 + $1.firmwareRegions.count + $1.pciWindows.count + $1.inboundWindows.count
        }
    }

    /// The question with firmware's memory ranges as a kernel with these pages keeps them.
    var rounded: Question {
        var question = self
        question.group = group.rounded(to: conditions.pageSize)
        question.earlierGroups = earlierGroups.map {
            AttachedGroup($0.group.rounded(to: conditions.pageSize), aperture: $0.aperture)
        }
        return question
    }
}

extension IOMMUGroup {
    fileprivate func rounded(to page: Granule) -> IOMMUGroup {
        IOMMUGroup(devices.map { $0.rounded(to: page) }, subject: subject)
    }
}

/// A group that was attached before, perhaps behind another IOMMU.
public struct AttachedGroup: Hashable, Sendable {
    public var group: IOMMUGroup
    /// What its IOMMU translates; nil for what the conditions say.
    public var aperture: IOVARange?

    public init(_ group: IOMMUGroup, aperture: IOVARange? = nil) {
        self.group = group
        self.aperture = aperture
    }
}

/// Something that happened in a DMA domain before its MSIs are set up.
public enum DMAOperation: Hashable, Sendable {
    /// A device of the group maps a buffer: `dma_map_*` or `dma_alloc_*`. `member` is its index in the
    /// group, `mask` the DMA mask of the call.
    case map(bytes: UInt64, mask: UInt64, member: Int)
    /// Undoes an earlier `map`, named by its index in the history. One that failed, is no `map`, or was
    /// undone before is left alone.
    case unmap(index: Int)
}

/// A mapping that user space tries.
public enum MapCheck: Hashable, Sendable {
    /// At this IOVA, over this many bytes.
    case fixed(iova: UInt64, bytes: UInt64)
    /// iommufd only: wherever it fits, for user memory at this address.
    case automatic(bytes: UInt64, userAddress: UInt64)
}
