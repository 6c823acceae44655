// The walk in C (../RedBlackWalk) as an allocator that the workloads can drive: what the product is compared
// with. A call costs a function call more than it would from C. Copies share one domain; the workloads make
// none.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import RedBlackWalk

struct RedBlackDomain: IOVAAllocator {
    /// `@unchecked Sendable`: the allocator's protocol asks for it; the benchmark has one thread.
    private final class Owner: @unchecked Sendable {
        let domain: OpaquePointer

        init(_ domain: OpaquePointer) { self.domain = domain }

        deinit { walk_domain_end(domain) }
    }

    private let owner: Owner
    private let highest: UInt64

    private var domain: OpaquePointer { owner.domain }

    init(granule: Granule, startPFN: UInt64, release: KernelProfile, onlineCPUs: Int) {
        precondition(
            !release.boundsDepots && release.searchesTwice, "the walk in C follows the newest release")
        let shift = UInt64(granule.shift)
        highest = UInt64.max >> shift
        owner = Owner(walk_domain_make(startPFN, (1 << 32) >> shift, release.magazineSize))
    }

    func allocate(size: UInt64, limit: UInt64, isAligned: Bool) throws(IOVAInputError) -> UInt64? {
        guard size > 0 else { throw .zeroSize }
        var found: UInt64 = 0
        return walk_allocate(domain, size, limit, isAligned, &found) ? found : nil
    }

    func reserve(_ lo: UInt64, _ hi: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        guard lo <= hi else { throw .reversedRange(lo: lo, hi: hi) }
        guard hi <= highest else { return nil }
        var range = PageFrameRange(lo: 0, hi: 0)
        walk_reserve(domain, lo, hi, &range.lo, &range.hi)
        return range
    }

    @discardableResult
    func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        guard pfn != .max else { throw .freesSentinel }
        var (lo, hi): (UInt64, UInt64) = (0, 0)
        return walk_free(domain, pfn, &lo, &hi) ? PageFrameRange(lo: lo, hi: hi) : nil
    }

    func allocateFast(size: UInt64, limit: UInt64, flushes: Bool) throws(IOVAInputError) -> UInt64? {
        guard size > 0 else { throw .zeroSize }
        var found: UInt64 = 0
        return walk_allocate_fast(domain, size, limit, flushes, &found) ? found : nil
    }

    func freeFast(_ pfn: UInt64, size: UInt64) throws(IOVAInputError) {
        guard pfn != .max else { throw .freesSentinel }
        walk_free_fast(domain, pfn, size)
    }

    /// The workloads never fire the trimmer.
    func tick() { preconditionFailure("the walk in C has no trimmer") }

    /// The workloads never list what is held.
    var heldRanges: [PageFrameRange] { preconditionFailure("the walk in C lists nothing") }

    var heldCount: Int { walk_held(domain) }
}
