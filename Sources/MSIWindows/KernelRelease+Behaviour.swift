// Where releases differ in this field, one property a difference, so that no other file compares
// releases. Sources: the version table of the kernel's history, and boots of the releases themselves.

import IOVAAllocation

extension KernelRelease {
    /// Since 6.15 a domain without an MSI cookie refuses MSIs instead of passing them untranslated.
    var refusesDomainsWithoutCookie: Bool { self >= .v6_18 }

    /// Since 6.15 iommufd keeps its own map of doorbell pages instead of the linear cookie.
    var iommufdKeepsOwnMap: Bool { self >= .v6_18 }

    /// iommufd came with 6.2.
    var hasIOMMUFD: Bool { self >= .v6_12 }

    /// Since 6.6 a device with a direct region refuses blocking domains, so nobody can take its group.
    var refusesBlockingDirectDevices: Bool { self >= .v6_12 }

    /// Linux 6.1 does not read `iommu-addresses` of PCI functions.
    var readsRegionsOfPCIFunctions: Bool { self > .v6_1 }

    /// Since 6.4 a PCI device that failed below 4 GiB once is not tried there again.
    var remembersFailureBelow4G: Bool { self >= .v6_12 }

    /// Up to 6.9 the allocator started at the lowest inbound address.
    var startsAtInboundWindow: Bool { self == .v6_1 }

    /// A mapping whose end overflows: EOVERFLOW since about 6.18.
    var mapOverflowErrno: Errno { self >= .v6_18 ? .overflow : .invalidArgument }
}
