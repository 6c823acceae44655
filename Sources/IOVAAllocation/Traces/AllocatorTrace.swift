// A trace: the domain it starts with and the calls that are made on it, as data.

public import AddressSpaces
public import LinuxReleases

/// A sequence of allocator calls on a fresh domain.
public struct AllocatorTrace: Sendable {
    public var granule = Granule.kib4
    /// The lowest pfn that is handed out; 0 is legal.
    public var startPFN: UInt64 = 1
    public var release = KernelRelease.newest
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

    /// The same on the product, telling the steps of operation `explained`, at most `stepsMax` of them.
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
