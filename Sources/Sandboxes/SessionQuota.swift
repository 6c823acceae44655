// How large a session may grow. The numbers are the contract's; they are given to the session, so that this
// module knows none of its own and tests can reach each of them.

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
