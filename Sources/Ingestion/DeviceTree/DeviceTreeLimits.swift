// How large a device tree may be.

/// Bounds of one tree; the service lists them under its own limits.
public enum DeviceTreeLimits {
    public static let bytesMax = 2 << 20
    public static let nodesMax = 65_536
    public static let depthMax = 64
    public static let devicesMax = 4_096
    public static let regionsMax = 65_536
    /// Reserved regions of one device: the kernel's merge of a group's list is quadratic, and so is ours.
    public static let regionsPerDeviceMax = 4_096
    public static let findingsMax = 256
    /// Of one node or property name. The specification allows 31 characters.
    public static let nameBytesMax = 256
    /// Of all paths together; real trees need a few hundred kilobytes.
    public static let pathBytesTotalMax = 32 << 20
    /// Range entries and cells visited while addresses are translated; real trees need thousands. Beyond,
    /// addresses count as untranslatable and a finding says so.
    public static let translationStepsMax = 20_000_000
}
