// Who listens to the allocator's steps. The allocator is generic over it: with `NoAllocationRecorder` nothing
// of it is left in the code.

/// Listens. It cannot change what happens.
public protocol AllocationRecorder {
    mutating func record(_ step: @autoclosure () -> AllocationStep)
}

/// Listens to nothing.
public struct NoAllocationRecorder: AllocationRecorder, Sendable {
    /// Never read. ThreadSanitizer's instrumentation touches every `inout` argument, and one of no bytes has
    /// no address: the process would die of it.
    @usableFromInline let unused: UInt8 = 0

    @inlinable
    public init() {}
    @inlinable
    @inline(__always)
    public mutating func record(_ step: @autoclosure () -> AllocationStep) {}
}

/// Keeps the first steps and counts the rest.
public struct AllocationStepRecorder: AllocationRecorder, Sendable {
    public private(set) var steps: [AllocationStep] = []
    /// Steps beyond the limit.
    public private(set) var dropped = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    public mutating func record(_ step: @autoclosure () -> AllocationStep) {
        if steps.count < limit { steps.append(step()) } else { dropped += 1 }
    }
}
