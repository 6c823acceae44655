// The product and the reference side by side: every call goes to both, and they must agree on what it
// returns, what it refuses, and what is held afterwards.

import AddressSpaces
import IOVAAllocation
import LinearWalk
import LinuxReleases

/// Two domains that should never differ.
struct TwinDomain {
    var product: IOVADomain
    var reference: LinearWalkDomain

    init(granule: Granule, startPFN: UInt64, release: KernelProfile, onlineCPUs: Int, checked: Bool) {
        product = IOVADomain(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
        product.checksInvariants = checked
        reference = LinearWalkDomain(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
    }

    /// One call of the kernel's interface with its arguments.
    enum Call: Hashable {
        case allocate(size: UInt64, limit: UInt64, isAligned: Bool)
        case allocateFast(size: UInt64, limit: UInt64, flushes: Bool)
        case reserve(UInt64, UInt64)
        case free(UInt64)
        case freeFast(UInt64, size: UInt64)
        case tick
    }

    enum Outcome: Hashable {
        case nothing
        case pfn(UInt64)
        case range(PageFrameRange)
        case refused(IOVAInputError)

        var pfn: UInt64? { if case .pfn(let pfn) = self { pfn } else { nil } }
    }

    /// Makes the call on both; nil, and what each said, when they differ.
    mutating func make(_ call: Call) -> (agreed: Outcome?, product: Outcome, reference: Outcome) {
        let left = Self.make(call, on: &product)
        let right = Self.make(call, on: &reference)
        return (left == right && product.heldCount == reference.heldCount ? left : nil, left, right)
    }

    static func make(_ call: Call, on domain: inout some IOVAAllocator) -> Outcome {
        do throws(IOVAInputError) {
            switch call {
            case .allocate(let size, let limit, let isAligned):
                return try domain.allocate(size: size, limit: limit, isAligned: isAligned)
                    .map { .pfn($0) } ?? .nothing
            case .allocateFast(let size, let limit, let flushes):
                return try domain.allocateFast(size: size, limit: limit, flushes: flushes)
                    .map { .pfn($0) } ?? .nothing
            case .reserve(let lo, let hi): return try domain.reserve(lo, hi).map { .range($0) } ?? .nothing
            case .free(let pfn): return try domain.free(pfn).map { .range($0) } ?? .nothing
            case .freeFast(let pfn, let size):
                try domain.freeFast(pfn, size: size)
                return .nothing
            case .tick:
                domain.tick()
                return .nothing
            }
        } catch {
            return .refused(error)
        }
    }

    /// Whether both hold the same ranges, in order.
    var holdsTheSame: Bool { product.heldRanges.elementsEqual(reference.heldRanges) }
}
