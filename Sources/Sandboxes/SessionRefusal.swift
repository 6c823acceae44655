// Why a session does not do what it is asked: facts only. The rim turns them into problems.

public import AddressSpaces
public import LinuxReleases
public import MSIWindows

/// A refusal. Unless it says so, nothing of the session has changed.
public enum SessionRefusal: Error, Hashable, Sendable {
    case noDomain(String)
    case domainExists(String)
    /// No device of this id is attached to the domain.
    case noDevice(String)
    /// The device is attached to a domain of this session already.
    case alreadyAttached(domain: String, device: String)
    case full(SessionQuota.Item, max: Int)
    /// Nothing fits. Linux's allocator remembers the failure: its memo has changed.
    case exhausted(AllocationReason)
    /// The range meets what lives at `range`.
    case inUse(IOVARange, Holding.Kind)
    case overlapsReserved(IOVARange)
    /// Nobody holds the address, or only a cache does.
    case notAllocated(IOVA)
    /// The address belongs to something that is not freed by hand.
    case notFreeable(IOVARange, Holding.Kind)
    /// Linux refuses the group.
    case attachRefused(Errno, because: String)
    /// Linux refuses a mapping or the set-up of interrupts.
    case refused(Errno, because: String)
    /// The operation has no meaning for the domain's consumer.
    case notForConsumer(Consumer)
}
