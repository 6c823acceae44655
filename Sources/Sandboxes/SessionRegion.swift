// A reserved region of a session's domain, as it was made.

public import AddressSpaces
public import Machines
public import MSIWindows

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
