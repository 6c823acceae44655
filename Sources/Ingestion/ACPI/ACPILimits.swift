// How large a set of ACPI tables may be, and how much work one may cause.

/// Bounds of the ACPI readers; the service lists them under its own limits.
public enum ACPILimits {
    /// Of one table. Real IORTs have a few kilobytes; a DSDT of a server has some hundred.
    public static let tableBytesMax = 2 << 20
    public static let tablesMax = 64
    public static let nodesMax = 16_384
    /// ID mappings of a whole IORT.
    public static let mappingsMax = 8_192
    /// Memory range descriptors of all RMR nodes.
    public static let rangesMax = 16_384
    /// Runs of stream IDs of all devices together.
    public static let streamsMax = 16_384
    public static let devicesMax = 4_096
    /// Regions of all devices together.
    public static let regionsMax = 65_536
    /// Of a named component's path.
    public static let nameBytesMax = 1_024
    /// Nodes that an ID may pass on its way to an SMMU or an ITS. Linux walks on until it is there.
    public static let routeDepthMax = 16
    /// Mapping pieces visited while IDs are routed; real tables need hundreds. Beyond, IDs count as
    /// unmapped and a finding says so.
    public static let routeStepsMax = 2_000_000
    /// Pieces into which the IDs of one device may fall.
    public static let piecesPerDeviceMax = 4_096
    /// Entries of an MADT that name frames for MSIs.
    public static let madtFramesMax = 4_096
}
