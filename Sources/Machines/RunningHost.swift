// What a running host says of itself beside firmware and groups. A question about its devices is asked under
// these facts unless it states others; whoever answers tells which were used.

/// Facts of the kernel that was running when a host was collected.
public struct RunningHost: Hashable, Sendable {
    /// As uname -r prints it.
    public var kernelRelease: String?
    /// The text that the release is from, where it is not what the running kernel said of itself.
    public var kernelReleasePlace: String?
    /// The CPU's page, in bytes.
    public var pageBytes: UInt64?
    /// How it was built, booted and set up; of one name the last counts.
    public var options: [HostOption] = []

    public init(kernelRelease: String? = nil, pageBytes: UInt64? = nil) {
        self.kernelRelease = kernelRelease
        self.pageBytes = pageBytes
    }
}

/// The default domain of a group (/sys/kernel/iommu_groups/N/type).
public enum GroupType: String, CaseIterable, Sendable {
    case dma = "DMA"
    case dmaWithFlushQueue = "DMA-FQ"
    case identity
    case blocked
    case unmanaged
}
