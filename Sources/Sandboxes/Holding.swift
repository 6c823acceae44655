// What holds a piece of a domain, for lists and for messages.

public import AddressSpaces

/// A held range of a domain and what it is held for.
public struct Holding: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case allocation
        /// Freed, but kept in a cache for the next request of its size: not to be had at tree level.
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
