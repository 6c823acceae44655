// What answers say where a host bridge has PCI windows that no source states: they are unknown, not absent.

public import Machines

extension Device {
    /// A sentence for a warning; nil when the windows are known.
    public var unknownWindowsRemark: String? {
        guard hasUnknownPCIWindows else { return nil }
        return
            "The PCI windows of \(hostBridge ?? id) are not known, and what looks free may lie in one: send the DSDT "
            + "with its SSDTs, or /proc/iomem."
    }
}
