// Something about a description that its owner should know, though it was accepted.

/// A remark of a reader about its input.
public struct Finding: Hashable, Sendable {
    public enum Severity: String, CaseIterable, Comparable, Sendable {
        case error, warning, info

        public static func < (left: Self, right: Self) -> Bool {
            allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
        }
    }

    public var severity: Severity
    /// Stable, lower-case kebab: `phandle-missing`, `ranges-odd-length`, ...
    public var code: String
    /// Node path and property, or table and offset.
    public var location: String
    /// One sentence: what is wrong, with the values, and what was done about it.
    public var detail: String

    public init(severity: Severity, code: String, location: String, detail: String) {
        self.severity = severity
        self.code = code
        self.location = location
        self.detail = detail
    }
}
