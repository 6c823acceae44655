// What a trace needs of an allocator. The product and the linear-walk reference both offer it, so that one
// trace runs on either; it is no layer of its own and adds nothing to the verbs of IOVADomain.

public import AddressSpaces
public import LinuxReleases

/// An IOVA domain with the kernel's verbs; see `IOVADomain` for their meaning.
public protocol IOVAAllocator: Sendable {
    associatedtype HeldRanges: Sequence<PageFrameRange>

    init(granule: Granule, startPFN: UInt64, release: KernelRelease, onlineCPUs: Int)

    mutating func allocate(size: UInt64, limit: UInt64, isAligned: Bool) throws(IOVAInputError) -> UInt64?
    mutating func reserve(_ lo: UInt64, _ hi: UInt64) throws(IOVAInputError) -> PageFrameRange?
    @discardableResult
    mutating func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange?
    mutating func allocateFast(
        size: UInt64, limit: UInt64, flushes: Bool
    ) throws(IOVAInputError) -> UInt64?
    mutating func freeFast(_ pfn: UInt64, size: UInt64) throws(IOVAInputError)
    mutating func tick()

    /// Every held range, ascending, the sentinel left out.
    var heldRanges: HeldRanges { get }
    var heldCount: Int { get }
}
