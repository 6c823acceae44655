// What a host says that its kernel can do beyond every release.

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
