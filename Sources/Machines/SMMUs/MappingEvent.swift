// What the kernel traced of an IOMMU: mappings as they came and went. Mirrors include/trace/events/iommu.h,
// Linux 7.2. An event names neither its domain nor its device; who wants them must put them together.

/// One traced event.
public struct MappingEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case map(iova: UInt64, physical: UInt64, size: UInt64)
        /// `unmapped` is what was really mapped there.
        case unmap(iova: UInt64, size: UInt64, unmapped: UInt64)
        case attach(device: String)
        case detach(device: String)
    }

    /// Of the trace, from 1.
    public var line: Int
    /// Who ran: `kworker/0:1-12`. Empty when the line does not tell.
    public var task: String
    public var kind: Kind

    public init(line: Int, task: String, kind: Kind) {
        self.line = line
        self.task = task
        self.kind = kind
    }
}
