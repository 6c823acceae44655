// A domain that tells the steps of one operation of a trace. Everything else runs as it would without
// anybody listening, on the same code.

public import AddressSpaces
public import LinuxReleases

/// The product, with a recorder that listens while `isListening`.
public struct ExplainingDomain: IOVAAllocator {
    public private(set) var domain: IOVADomain
    public var recorder = AllocationStepRecorder(limit: 0)
    public var isListening = false

    public init(granule: Granule, startPFN: UInt64, release: KernelRelease, onlineCPUs: Int) {
        domain = IOVADomain(granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
    }

    public mutating func allocate(
        size: UInt64, limit: UInt64, isAligned: Bool
    ) throws(IOVAInputError) -> UInt64? {
        isListening
            ? try domain.allocate(size: size, limit: limit, isAligned: isAligned, recorder: &recorder)
            : try domain.allocate(size: size, limit: limit, isAligned: isAligned)
    }

    public mutating func reserve(_ lo: UInt64, _ hi: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        isListening ? try domain.reserve(lo, hi, recorder: &recorder) : try domain.reserve(lo, hi)
    }

    @discardableResult
    public mutating func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        isListening ? try domain.free(pfn, recorder: &recorder) : try domain.free(pfn)
    }

    public mutating func allocateFast(
        size: UInt64, limit: UInt64, flushes: Bool
    ) throws(IOVAInputError) -> UInt64? {
        isListening
            ? try domain.allocateFast(size: size, limit: limit, flushes: flushes, recorder: &recorder)
            : try domain.allocateFast(size: size, limit: limit, flushes: flushes)
    }

    public mutating func freeFast(_ pfn: UInt64, size: UInt64) throws(IOVAInputError) {
        if isListening {
            try domain.freeFast(pfn, size: size, recorder: &recorder)
        } else {
            try domain.freeFast(pfn, size: size)
        }
    }

    public mutating func tick() {
        if isListening { domain.tick(recorder: &recorder) } else { domain.tick() }
    }

    public var heldRanges: HeldRanges { domain.heldRanges }
    public var heldCount: Int { domain.heldCount }
}
