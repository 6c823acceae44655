// The errors that Linux returns in this field, by their names.

/// A Linux errno as an answer names it.
public enum Errno: String, CaseIterable, Sendable {
    case invalidArgument = "EINVAL"
    case noSpace = "ENOSPC"
}
