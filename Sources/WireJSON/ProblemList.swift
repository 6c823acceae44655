// Collects every fault of a request instead of stopping at the first.

/// Faults in the order in which they were found, the first `limit` of them.
public final class ProblemList {
    public private(set) var problems: [JSONProblem] = []
    /// Faults beyond the limit.
    public private(set) var dropped = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    public var isEmpty: Bool { problems.isEmpty }

    public func add(_ pointer: String, _ code: String, _ detail: String) {
        guard problems.count < limit else {
            dropped += 1
            return
        }
        problems.append(JSONProblem(pointer: pointer, code: code, detail: detail))
    }
}
