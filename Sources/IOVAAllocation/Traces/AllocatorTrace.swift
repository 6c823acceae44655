// A trace: the domain it starts with and the calls that are made on it, as data; what each call returned;
// and why a trace cannot be run to its end. Any allocator can run it: see IOVAAllocator.

public import AddressSpaces
public import LinuxReleases

/// A sequence of allocator calls on a fresh domain.
public struct AllocatorTrace: Sendable {
    public var granule = Granule.kib4
    /// The lowest pfn that is handed out; 0 is legal.
    public var startPFN: UInt64 = 1
    public var release = KernelProfile.newest
    /// How many magazines of a class the depot trimmer leaves, 1 or more.
    public var onlineCPUs = 1
    public var operations: [TraceOperation] = []
    /// Names in use are 0 ..< nameCount.
    public var nameCount = 0

    public init() {}

    /// The domain before the first operation.
    public func domain<Allocator: IOVAAllocator>(_ type: Allocator.Type) -> Allocator {
        Allocator(granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
    }

    /// One result an operation, on a domain made by `domain`. Stops at the first mistake.
    public func run<Allocator: IOVAAllocator>(
        on domain: inout Allocator
    ) throws(TraceMistake) -> [TraceResult] {
        var names = TraceNames(count: nameCount)
        var results: [TraceResult] = []
        results.reserveCapacity(operations.count)
        for index in operations.indices {
            results.append(try step(index, on: &domain, &names))
        }
        return results
    }

    /// The same on the product, recording the steps of operation `explained`, at most `stepsMax` of them.
    public func run(
        on domain: inout ExplainingDomain, explaining explained: Int, stepsMax: Int
    ) throws(TraceMistake) -> [TraceResult] {
        var names = TraceNames(count: nameCount)
        var results: [TraceResult] = []
        results.reserveCapacity(operations.count)
        domain.recorder = AllocationStepRecorder(limit: stepsMax)
        for index in operations.indices {
            domain.isListening = index == explained
            results.append(try step(index, on: &domain, &names))
        }
        return results
    }

    private func step(
        _ index: Int, on domain: inout some IOVAAllocator, _ names: inout TraceNames
    ) throws(TraceMistake) -> TraceResult {
        do {
            return try domain.apply(operations[index], at: index, &names)
        } catch {
            throw TraceMistake(operation: index, reason: error)
        }
    }
}

// One call of a trace. Allocations that are freed later are told apart by small numbers in place of the
// ids of the wire: whoever reads a trace counts them.

/// A call of the allocator, as in `allocator-vectors`. Pages are granules, limits inclusive.
public enum TraceOperation: Hashable, Sendable {
    /// Which allocation a free means; from 0 on, below `AllocatorTrace.nameCount`.
    public typealias Name = Int32

    case reserve(lo: UInt64, hi: UInt64)
    /// Tree level. Without a name nothing but `freePFN` frees it.
    case allocate(size: UInt64, limit: UInt64, isAligned: Bool, name: Name?)
    case free(Name)
    /// Frees whatever range holds the pfn, if any.
    case freePFN(UInt64)
    /// Cached level.
    case allocateFast(size: UInt64, limit: UInt64, flushes: Bool, name: Name?)
    /// With the size that the allocation asked for.
    case freeFast(Name)
    /// The depot trimmer fires once.
    case tick
}

/// The visible result of one operation.
public enum TraceResult: Hashable, Sendable {
    /// A failed allocation or reservation, and every operation that returns nothing.
    case none
    /// First pfn of an allocation.
    case pfn(UInt64)
    /// The range object that a reservation returned, after growth.
    case range(PageFrameRange)
}

/// The first operation whose meaning is undefined, or would destroy Linux's own state.
public struct TraceMistake: Error, Hashable, Sendable {
    /// What is wrong with an operation.
    public enum Reason: Hashable, Sendable {
        /// No allocation before it succeeded under this name.
        case unknownName
        /// The name's allocation failed, so it names nothing.
        case failedName(operation: Int)
        /// Another allocation, still there or freed since, has this name.
        case nameUsedTwice(operation: Int)
        /// It was freed before.
        case freedTwice(operation: Int)
        /// A cached free would file `pages` pages in the class of `classPages`, which hands out more.
        case smallerThanItsClass(pages: UInt64, classPages: UInt64)
        case input(IOVAInputError)
    }

    /// Index of the operation in its trace.
    public var operation: Int
    public var reason: Reason

    public init(operation: Int, reason: Reason) {
        self.operation = operation
        self.reason = reason
    }
}
