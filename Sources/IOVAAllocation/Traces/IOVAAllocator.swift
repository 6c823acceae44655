// What a trace needs of an allocator, and how one operation of a trace becomes one call. The product and
// the linear-walk reference both have it, so that one trace runs on either; it is no layer of its own and
// adds nothing to the verbs of IOVADomain.

public import AddressSpaces
public import LinuxReleases

/// An IOVA domain with the kernel's verbs; see `IOVADomain` for their meaning.
public protocol IOVAAllocator: Sendable {
    associatedtype HeldRanges: Sequence<PageFrameRange>

    init(granule: Granule, startPFN: UInt64, release: KernelProfile, onlineCPUs: Int)

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

extension IOVADomain: IOVAAllocator {}

extension TraceMistake.Reason: Error {}

extension IOVAAllocator {
    /// Makes the call that `operation` says, the one at `index` of its trace. Nothing changes when it throws.
    public mutating func apply(
        _ operation: TraceOperation, at index: Int, _ names: inout TraceNames
    ) throws(TraceMistake.Reason) -> TraceResult {
        do {
            return try call(operation, at: index, &names)
        } catch let error as IOVAInputError {
            throw .input(error)
        } catch let reason as TraceMistake.Reason {
            throw reason
        } catch {
            preconditionFailure("\(error) is neither")
        }
    }

    private mutating func call(
        _ operation: TraceOperation, at index: Int, _ names: inout TraceNames
    ) throws -> TraceResult {
        switch operation {
        case .reserve(let lo, let hi):
            return try reserve(lo, hi).map { .range($0) } ?? .none
        case .allocate(let size, let limit, let isAligned, let name):
            try names.checkUnused(name)
            let pfn = try allocate(size: size, limit: limit, isAligned: isAligned)
            names.note(name, pfn.map { .init(pfn: $0, size: size, isCached: false) }, at: index)
            return pfn.map { .pfn($0) } ?? .none
        case .allocateFast(let size, let limit, let flushes, let name):
            try names.checkUnused(name)
            let pfn = try allocateFast(size: size, limit: limit, flushes: flushes)
            names.note(name, pfn.map { .init(pfn: $0, size: size, isCached: true) }, at: index)
            return pfn.map { .pfn($0) } ?? .none
        case .free(let name):
            try free(try names.allocation(name).pfn)
            names.noteFree(name, at: index)
        case .freePFN(let pfn):
            try free(pfn)
        case .freeFast(let name):
            let allocation = try names.allocation(name)
            try checkClass(allocation)
            try freeFast(allocation.pfn, size: allocation.size)
            names.noteFree(name, at: index)
        case .tick:
            tick()
        }
        return .none
    }

    /// A range from the tree level has as many pages as were asked for; the cached level would file it
    /// with ranges of the next power of two and hand it out as one of them.
    private func checkClass(_ allocation: TraceNames.Allocation) throws {
        let size = allocation.size
        let classPages = IOVADomain.cachedPages(for: size)
        guard !allocation.isCached, classPages != size else { return }
        throw TraceMistake.Reason.smallerThanItsClass(pages: size, classPages: classPages)
    }
}

/// The allocations of a run by their names.
public struct TraceNames: Sendable {
    /// A successful allocation.
    public struct Allocation: Hashable, Sendable {
        public var pfn: UInt64
        /// Pages as asked for.
        public var size: UInt64
        /// Whether `allocateFast` made it, so that its range has the size of its class.
        public var isCached: Bool
    }

    private enum State {
        case unknown
        case failed(operation: Int)
        case live(Allocation, operation: Int)
        case freed(operation: Int, by: Int)
    }

    private var states: [State]

    public init(count: Int) { states = Array(repeating: .unknown, count: count) }

    /// Notes what an allocation under `name` gave. The name must be free.
    mutating func note(_ name: TraceOperation.Name?, _ allocation: Allocation?, at operation: Int) {
        guard let name else { return }
        states[Int(name)] =
            allocation.map { .live($0, operation: operation) } ?? .failed(operation: operation)
    }

    /// Refuses a name that an earlier allocation got, also when that was freed since: which of the two
    /// a later free means would be a guess.
    func checkUnused(_ name: TraceOperation.Name?) throws(TraceMistake.Reason) {
        guard let name else { return }
        switch states[Int(name)] {
        case .unknown, .failed: return
        case .live(_, let operation), .freed(let operation, _): throw .nameUsedTwice(operation: operation)
        }
    }

    /// The allocation that a free means.
    func allocation(_ name: TraceOperation.Name) throws(TraceMistake.Reason) -> Allocation {
        switch states[Int(name)] {
        case .unknown: throw .unknownName
        case .failed(let operation): throw .failedName(operation: operation)
        case .freed(_, let operation): throw .freedTwice(operation: operation)
        case .live(let allocation, _): return allocation
        }
    }

    mutating func noteFree(_ name: TraceOperation.Name, at operation: Int) {
        guard case .live(_, let made) = states[Int(name)] else {
            preconditionFailure("name \(name) is freed at \(operation) but is not live")
        }
        states[Int(name)] = .freed(operation: made, by: operation)
    }
}

// A domain that records the steps of one operation of a trace. Everything else runs as it would without
// anybody listening, on the same code.

/// The product, with a recorder that gets the steps while `isListening`.
public struct ExplainingDomain: IOVAAllocator {
    public private(set) var domain: IOVADomain
    public var recorder = AllocationStepRecorder(limit: 0)
    public var isListening = false

    public init(granule: Granule, startPFN: UInt64, release: KernelProfile, onlineCPUs: Int) {
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
