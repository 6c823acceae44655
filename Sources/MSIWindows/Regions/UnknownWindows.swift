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

extension Sequence<Device> {
    /// Warnings about the windows of these devices' host bridges, each once.
    public var unknownWindowsWarnings: [Warning] {
        var seen: Set<String> = []
        return compactMap(\.unknownWindowsRemark).filter { seen.insert($0).inserted }
            .map { Warning(code: .pciWindowsUnknown, detail: $0, range: nil) }
    }
}
