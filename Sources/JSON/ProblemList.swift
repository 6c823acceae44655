// What is wrong with the meaning of a document, as a list: every fault of a request, in place of the first
// only. The JSON itself is sound; faults of syntax are JSONSyntaxError.

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

/// A semantic fault: the JSON is sound, its meaning is not.
public struct JSONProblem: Hashable, Sendable {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter.
    public var pointer: String
    /// Stable, lower-case kebab.
    public var code: String
    /// One sentence: what is wrong and what to send instead.
    public var detail: String

    public init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }
}
