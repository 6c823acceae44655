// What a host says that its kernel can do beyond every release.

public import LinuxReleases
import MSIWindows

/// A capability that no kernel profile has, so that the host has to state it.
public enum HostCapability: String, CaseIterable, Sendable {
    /// The options of "iommufd: SW_MSI", v2, 14 Oct 2025, which move the window of a device.
    case softwareMSIOptions = "iommufd_sw_msi_options"

    /// Why it is not there unless a host states it: a whole sentence.
    public var absence: String {
        switch self {
        case .softwareMSIOptions:
            "No released kernel has the posted iommufd options that move the window; a host that has them states the "
                + "capability \(rawValue)."
        }
    }
}

/// What the kernel of a host has of iommufd.
public enum IOMMUFDSupport: Hashable, Sendable {
    case absent
    /// Doorbells are mapped by the cookie of a domain, which those of nested guests do not have.
    case byCookie
    /// A context maps doorbells itself, `DoorbellContext.pagesMax` pages at most, also for nested guests
    /// (drivers/iommu/iommufd/device.c: iommufd_sw_msi, since Linux 6.15).
    case byContext

    public init(_ kernel: KernelProfile) {
        self = kernel.hasIOMMUFD ? kernel.iommufdKeepsOwnMap ? .byContext : .byCookie : .absent
    }
}
