// Who listens to the allocator's steps. The allocator is generic over it: with `NoAllocationRecorder` nothing
// of it is left in the code.

/// Listens. It cannot change what happens.
public protocol AllocationRecorder {
    mutating func record(_ step: @autoclosure () -> AllocationStep)
}

/// Listens to nothing.
public struct NoAllocationRecorder: AllocationRecorder, Sendable {
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
