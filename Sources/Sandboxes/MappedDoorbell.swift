// The answer to a doorbell's mapping, whoever the consumer is.

public import AddressSpaces

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
