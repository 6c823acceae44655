// One place of a document that means nothing here.

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
