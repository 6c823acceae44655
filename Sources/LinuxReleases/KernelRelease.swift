// The kernel releases whose behaviour is modelled, and where they differ in this field: one property a
// difference, so that no other file compares releases. Addresses depend on the release, so every answer names
// one. Sources: the version table of the kernel's history, and boots of the releases themselves.

/// A Linux release whose behaviour is modelled, ordered by age.
public enum KernelRelease: String, CaseIterable, Comparable, Sendable {
    case v6_1 = "6.1"
    case v6_12 = "6.12"
    case v6_18 = "6.18"
    case v7_2 = "7.2"

    /// The release that questions ask about when they name none.
    public static let newest = KernelRelease.v7_2

    public static func < (left: Self, right: Self) -> Bool { left.age < right.age }

    /// 0 for the oldest.
    private var age: Int {
        switch self {
        case .v6_1: 0
        case .v6_12: 1
        case .v6_18: 2
        case .v7_2: 3
        }
    }
}

extension KernelRelease {
    /// Since 6.15 a domain without an MSI cookie refuses MSIs instead of passing them untranslated.
    public var refusesDomainsWithoutCookie: Bool { self >= .v6_18 }

    /// Since 6.15 iommufd keeps its own map of doorbell pages instead of the linear cookie.
    public var iommufdKeepsOwnMap: Bool { self >= .v6_18 }

    /// iommufd came with 6.2.
    public var hasIOMMUFD: Bool { self >= .v6_12 }

    /// Since 6.6 a device with a direct region refuses blocking domains, so nobody can take its group.
    public var refusesBlockingDirectDevices: Bool { self >= .v6_12 }

    /// Linux 6.1 does not read `iommu-addresses` of PCI functions.
    public var readsRegionsOfPCIFunctions: Bool { self > .v6_1 }

    /// Since 6.4 a PCI device that failed below 4 GiB once is not tried there again.
    public var remembersFailureBelow4G: Bool { self >= .v6_12 }

    /// Up to 6.9 the allocator started at the lowest inbound address.
    public var startsAtInboundWindow: Bool { self == .v6_1 }

    /// A size class of the allocator's cache keeps at most 32 full magazines in its depot; since 6.6 a depot
    /// grows, and is trimmed by a timer.
    public var boundsDepots: Bool { self == .v6_1 }

    /// A mapping whose end overflows: EOVERFLOW since about 6.18.
    public var mapOverflowErrno: Errno { self >= .v6_18 ? .overflow : .invalidArgument }
}

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
