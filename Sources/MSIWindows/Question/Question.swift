// One question: a group under conditions, the two axes of every policy (which window the IOMMU side offers,
// and who maps doorbells in it), the doorbells, and what happened before. It decides nothing.

public import AddressSpaces
public import Machines

/// What a decision is asked about. Its group is always prepared for its conditions: changing one makes the
/// other again.
public struct Question: Sendable {
    /// The group, ready to be read.
    public private(set) var prepared: PreparedGroup
    public var consumer: Consumer
    public var source: WindowSource
    public var conditions: Conditions {
        didSet {
            prepared = prepared.prepared(for: conditions)
            prepareEarlierGroups()
        }
    }
    /// Whether the machine is known to boot with ACPI: the kernel finds a group's devices in the order of the
    /// bus then, whichever driver binds first.
    public var findsDevicesInBusOrder = false
    /// Doorbell registers in the order in which they are first used.
    public var doorbells: [PhysicalAddress]

    /// dma_api: the device's DMA mask when the vectors are requested. All ones stands for a driver that
    /// has set 64 bits; before a driver sets one it is 32 bits.
    public var dmaMask = UInt64.max
    /// dma_api: what the domain was used for before, in order.
    public var history: [DMAOperation] = []

    /// vfio_type1 and iommufd: groups in the same container or address space, in order of attachment.
    public var earlierGroups: [AttachedGroup] = [] {
        didSet { prepareEarlierGroups() }
    }
    /// vfio_type1 and iommufd: what is mapped before the group is attached.
    public var mappings: [IOVARange] = []
    /// iommufd: the set of IOMMU_IOAS_ALLOW_IOVAS; empty for none.
    public var allowed: [IOVARange] = []
    /// vfio_type1 and iommufd: mappings to try once the group is attached, each by itself.
    public var mapChecks: [MapCheck] = []

    /// - Parameter group: prepared for `conditions`, or prepared again where it is not.
    public init(
        group: PreparedGroup, consumer: Consumer = .vfioType1, source: WindowSource = .fixed,
        conditions: Conditions = Conditions(), doorbells: [PhysicalAddress] = []
    ) {
        prepared = group.prepared(for: conditions)
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        self.doorbells = doorbells
    }

    /// - Parameter usable: ranges that the caller knows of; nil when nothing is known.
    public init(
        group: IOMMUGroup, usable: UsableRanges? = nil, consumer: Consumer = .vfioType1,
        source: WindowSource = .fixed, conditions: Conditions = Conditions(),
        doorbells: [PhysicalAddress] = []
    ) {
        self.init(
            group: PreparedGroup(group, usable: usable, under: conditions), consumer: consumer,
            source: source, conditions: conditions, doorbells: doorbells)
    }

    /// A device in a group of its own.
    public init(
        device: Device, usable: UsableRanges? = nil, consumer: Consumer = .vfioType1,
        source: WindowSource = .fixed, conditions: Conditions = Conditions(),
        doorbells: [PhysicalAddress] = []
    ) {
        self.init(
            group: IOMMUGroup(device), usable: usable, consumer: consumer, source: source,
            conditions: conditions, doorbells: doorbells)
    }

    /// The group as it was described; a new one is prepared, with the same usable ranges.
    public var group: IOMMUGroup {
        get { prepared.described }
        set { prepared = PreparedGroup(newValue, usable: usable, under: conditions) }
    }

    /// Usable ranges that the caller knows of; nil when nothing is known.
    public var usable: UsableRanges? {
        get { prepared.device.usable }
        set { prepared = prepared.with(usable: newValue) }
    }

    /// The device that is asked about, as it was described.
    public var device: Device { prepared.device.source }
    /// The same, ready to be read.
    var subject: PreparedDevice { prepared.device }

    /// Assigning comes back here, and finds nothing left to prepare.
    private mutating func prepareEarlierGroups() {
        guard earlierGroups.contains(where: { !$0.prepared.isPrepared(for: conditions) }) else { return }
        earlierGroups = earlierGroups.map { $0.prepared(for: conditions) }
    }

    /// Regions, windows and ranges that an answer reads, over all devices: what its cost grows with.
    public var regionsCount: Int {
        let devices = prepared.devices + earlierGroups.flatMap(\.prepared.devices)
        return devices.reduce(0) { $0 + $1.source.rangeCount }
    }
}

/// A group that was attached before, perhaps behind another IOMMU.
public struct AttachedGroup: Sendable {
    let prepared: PreparedGroup
    /// What its IOMMU translates; nil for what the conditions say.
    public var aperture: IOVARange?

    public init(_ group: IOMMUGroup, aperture: IOVARange? = nil) {
        self.init(PreparedGroup(group, under: Conditions()), aperture: aperture)
    }

    public init(_ group: PreparedGroup, aperture: IOVARange? = nil) {
        prepared = group
        self.aperture = aperture
    }

    func prepared(for conditions: Conditions) -> AttachedGroup {
        AttachedGroup(prepared.prepared(for: conditions), aperture: aperture)
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

/// Who maps MSI doorbells for the device.
public enum Consumer: String, CaseIterable, Sendable {
    /// A kernel driver: the DMA layer allocates a page like any other.
    case dmaAPI = "dma_api"
    /// VFIO's own container: a linear cursor from the window's start.
    case vfioType1 = "vfio_type1"
    /// iommufd: a map of up to 64 pages in the window, a context.
    case iommufd
}

extension Consumer {
    /// With whose reservations it takes a device of a group: user space gets groups whole.
    public var share: GroupShare {
        switch self {
        case .dmaAPI: .own
        case .vfioType1, .iommufd: .whole
        }
    }
}
