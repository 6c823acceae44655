// One request for IOVA at each of the three levels at which Linux asks, and what came of it; and the answer
// to a doorbell's mapping, whoever the consumer is.

public import AddressSpaces
public import IOVAAllocation

/// What is asked of a domain's allocator.
public struct AllocationOrder: Hashable, Sendable {
    /// Who asks. It also decides how the range is freed.
    public enum Level: UInt8, CaseIterable, Sendable {
        /// `alloc_iova` and `free_iova`.
        case tree
        /// `alloc_iova_fast` with a flush, and `free_iova_fast`.
        case cached
        /// `iommu_dma_alloc_iova`: below 4 GiB first for PCI devices.
        case dmaLayer
    }

    /// At least 1; rounded up to whole pages.
    public var bytes: UInt64
    /// Last address, inclusive; at the DMA layer the device's DMA mask. The aperture's end bounds it.
    public var limit: UInt64
    /// Tree level only: the others always align.
    public var isAligned: Bool
    public var level: Level
    /// DMA layer only.
    public var asker: Asker

    public init(
        bytes: UInt64, limit: UInt64, isAligned: Bool = true, level: Level = .tree,
        asker: Asker = .anonymous(isPCI: true)
    ) {
        self.bytes = bytes
        self.limit = limit
        self.isAligned = isAligned
        self.level = level
        self.asker = asker
    }
}

/// For whom the DMA layer asks.
public enum Asker: Hashable, Sendable {
    /// A device that is attached to the domain, by its id.
    case device(String)
    /// Somebody who is not attached: PCI or not, with no limit of the bus.
    case anonymous(isPCI: Bool)
}

/// The result of an order.
public struct Allocated: Hashable, Sendable {
    /// Whole pages, rounding of the cached level included.
    public var range: IOVARange
    public var pages: UInt64
    public var reason: AllocationReason
}

/// Why, as facts: the allocator's decisive steps, or the sentence of the layer above it.
public struct AllocationReason: Hashable, Sendable {
    /// In order; only those that decided.
    public var steps: [AllocationStep]
    /// What the DMA layer had to say, nil when only the allocator was asked.
    public var sentence: String?

    public init(steps: [AllocationStep] = [], sentence: String? = nil) {
        self.steps = steps
        self.sentence = sentence
    }
}

/// Where a doorbell is reached.
public struct MappedDoorbell: Hashable, Sendable {
    public var physical: PhysicalAddress
    /// The address that the device writes to.
    public var iova: IOVA
    /// First address of the page that is mapped for it.
    public var page: IOVA
    /// Whether the page was mapped for this call.
    public var isNew: Bool
    public var reason: AllocationReason
}
