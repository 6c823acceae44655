// The limits of sessions, listed with all others by GET /v1/limits.

public import Sandboxes

extension Limits {
    public static let sessionsMax = 10_000
    public static let sessionTTLSecondsDefault = 900
    public static let sessionTTLSecondsMax = 86_400
    public static let sessionIDBytesMax = WireID.bytesMax
    /// Ids of sessions that expired lately, which are told from those that never were.
    public static let expiredSessionsRememberedMax = 16_384
    public static let domainsPerSessionMax = 64
    /// Held ranges of a session: live IOVAs, parked ones, reservations, doorbell pages.
    public static let iovasPerSessionMax = 1_000_000
    public static let reservedRegionsPerSessionMax = 65_536
    /// Ranges, regions, devices and doorbells of all sessions together.
    public static let sessionItemsTotalMax = 16_000_000
    public static let devicesPerDomainMax = 4_096
    public static let windowsPerDeviceMax = 1_024
    public static let doorbellsPerDomainMax = 1_024
    public static let mappingsPerDomainMax = 16_384
    public static let batchOperationsMax = 10_000

    /// What one session may hold.
    public static let sessionQuota = SessionQuota(
        domains: domainsPerSessionMax, ranges: iovasPerSessionMax, regions: reservedRegionsPerSessionMax,
        devices: devicesPerDomainMax, doorbells: doorbellsPerDomainMax, mappings: mappingsPerDomainMax)

    static let sessionTable: [(name: String, value: Int)] = [
        ("sessions_max", sessionsMax),
        ("session_ttl_seconds_default", sessionTTLSecondsDefault),
        ("session_ttl_seconds_max", sessionTTLSecondsMax),
        ("session_id_bytes_max", sessionIDBytesMax),
        ("expired_sessions_remembered_max", expiredSessionsRememberedMax),
        ("domains_per_session_max", domainsPerSessionMax),
        ("iovas_per_session_max", iovasPerSessionMax),
        ("reserved_regions_per_session_max", reservedRegionsPerSessionMax),
        ("session_items_total_max", sessionItemsTotalMax),
        ("devices_per_domain_max", devicesPerDomainMax),
        ("windows_per_device_max", windowsPerDeviceMax),
        ("doorbells_per_domain_max", doorbellsPerDomainMax),
        ("mappings_per_domain_max", mappingsPerDomainMax),
        ("batch_operations_max", batchOperationsMax),
    ]
}
