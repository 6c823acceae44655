// What takes addresses of a domain: ranges that are held, and reserved regions as they were made. For lists
// and for messages.

public import AddressSpaces
public import MSIWindows
public import Machines

/// A held range of a domain and what it is held for.
public struct Holding: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case allocation
        /// Freed, but kept in a cache for the next request of its size: not available at tree level.
        case parked
        case reserved
        case doorbell
        /// Mapped by user space.
        case mapping
    }

    /// Whole pages. A range that a reservation made grow shows what it has grown to.
    public var range: IOVARange
    public var kind: Kind
    /// Pages of the domain.
    public var pages: UInt64

    public init(range: IOVARange, kind: Kind, pages: UInt64) {
        self.range = range
        self.kind = kind
        self.pages = pages
    }
}

/// Something withheld, by a device's firmware or by the caller.
public struct SessionRegion: Hashable, Sendable {
    /// As it was asked for. The allocator withholds whole pages.
    public var range: IOVARange
    /// The region's own type; nil for what only the DMA allocator withholds.
    public var kind: ReservedRegion.Kind?
    /// Of which kind a device's reservation is; nil for the caller's.
    public var origin: WithheldItem.Kind?
    public var provenance: String

    public init(
        range: IOVARange, kind: ReservedRegion.Kind?, origin: WithheldItem.Kind? = nil, provenance: String
    ) {
        self.range = range
        self.kind = kind
        self.origin = origin
        self.provenance = provenance
    }
}
