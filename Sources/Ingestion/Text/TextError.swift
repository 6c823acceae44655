// Why a text cannot be read: the line, and what was expected there.

/// A text that is refused.
public struct TextError: Error, Hashable, Sendable {
    /// From 1; nil when it is about the whole.
    public var line: Int?
    /// What is wrong, as a clause.
    public var what: String

    init(_ line: Int?, _ what: String) {
        self.line = line
        self.what = what
    }

    /// One sentence that names place and cause.
    public var reason: String { line.map { "line \($0): \(what)" } ?? what }
}
