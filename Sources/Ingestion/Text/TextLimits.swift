// How much text is read.

/// Bounds of the text readers; the service lists them under its own limits.
public enum TextLimits {
    public static let linesMax = 200_000
    /// Bytes after which a kernel with small pages cuts off a sysfs file.
    public static let sysfsPageBytes = 4_096
    public static let groupsMax = 4_096
    /// Regions of all groups together.
    public static let regionsMax = 65_536
    /// Regions of one group: the kernel's file ends after about 97, and the merge is quadratic.
    public static let regionsPerGroupMax = 4_096
    public static let windowsMax = 4_096
    public static let memoryRangesMax = 65_536
}
