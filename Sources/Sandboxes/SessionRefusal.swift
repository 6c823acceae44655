// Why a session does not do what it is asked, as facts, which the API turns into problems; and how large a
// session may grow. The numbers are the contract's; they are given to the session, so that this module knows
// none of its own and tests can reach each of them.

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
    /// Another device of its group is attached to another domain of this session: Linux has one domain for a
    /// group.
    case groupAttached(domain: String, device: String, mate: String, group: UInt64)
    case full(SessionQuota.Item, max: Int)
    /// Nothing fits. Linux's allocator remembers the failure: its memo has changed.
    case exhausted(AllocationReason)
    /// The range meets what is allocated at `range`.
    case inUse(IOVARange, Holding.Kind)
    case overlapsReserved(IOVARange)
    /// No caller holds the address; at most a cache does.
    case notAllocated(IOVA)
    /// The address belongs to something that is not freed by hand.
    case notFreeable(IOVARange, Holding.Kind)
    /// Linux refuses the group.
    case attachRefused(Errno, because: String)
    /// Linux refuses a mapping or the set-up of interrupts.
    case refused(Errno, because: String)
    /// The operation has no meaning for the domain's consumer.
    case notForConsumer(Consumer)
    /// Nothing is allocated where nothing is translated.
    case notTranslated(because: String)
}

/// Upper bounds of one session.
public struct SessionQuota: Hashable, Sendable {
    /// What is counted.
    public enum Item: String, CaseIterable, Sendable {
        case domains
        /// Ranges held by all domains together: allocations, parked ones, reservations, doorbell pages.
        case ranges
        /// Reserved regions of all domains together.
        case regions
        /// Devices attached to one domain.
        case devices
        /// Doorbell pages of one domain.
        case doorbells
        /// Mappings of one VFIO or iommufd domain.
        case mappings
    }

    public var domains: Int
    public var ranges: Int
    public var regions: Int
    public var devices: Int
    public var doorbells: Int
    public var mappings: Int

    public init(
        domains: Int, ranges: Int, regions: Int, devices: Int, doorbells: Int, mappings: Int
    ) {
        self.domains = domains
        self.ranges = ranges
        self.regions = regions
        self.devices = devices
        self.doorbells = doorbells
        self.mappings = mappings
    }
}
