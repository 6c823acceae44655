// Collects every fault of a request instead of stopping at the first.

/// Faults in the order in which they were found, the first `limit` of them.
public final class ProblemList {
    public private(set) var problems: [JSONProblem] = []
    /// Faults beyond the limit.
    public private(set) var dropped = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    public var isEmpty: Bool { problems.isEmpty }

    /// Adds a fault. Pointer and detail are made only when the fault is kept: an array of thousands of wrong
    /// elements would otherwise cost a walk over its siblings for each.
    public func add(
        _ pointer: @autoclosure () -> String, _ code: String, _ detail: @autoclosure () -> String
    ) {
        guard problems.count < limit else {
            dropped += 1
            return
        }
        problems.append(JSONProblem(pointer: pointer(), code: code, detail: detail()))
    }
}
