// The error numbers with which Linux refuses, by name.

/// A Linux errno as an answer names it.
public enum Errno: String, CaseIterable, Sendable {
    case invalidArgument = "EINVAL"
    case noSpace = "ENOSPC"
    case noMemory = "ENOMEM"
    case notPermitted = "EPERM"
    case noEntry = "ENOENT"
    case badAddress = "EFAULT"
    case busy = "EBUSY"
    case exists = "EEXIST"
    case overflow = "EOVERFLOW"
    case outOfRange = "ERANGE"
    case addressInUse = "EADDRINUSE"
    /// Proposed for "the caller must allocate": the discussion named no errno.
    case addressNotAvailable = "EADDRNOTAVAIL"
}
