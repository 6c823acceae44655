// Facts that ACPI tables do not contain, as a JSON part beside them: whether the kernel keeps the boot
// configuration of PCI, and the windows of host bridges.

import AddressSpaces
import JSON
import Machines

/// `{"preserve_config": true, "pci_windows": [{"segment": 0, "bus": "0x10000000", "size": "0x1000"}],
/// "dma_ranges": [{"segment": 0, "bus": 0, "size": "0x100000000"}]}`
struct PlatformFacts {
    private static let members = ["preserve_config", "pci_windows", "dma_ranges"]

    var preservesPCIConfiguration: Bool?
    /// By segment; nil when the part does not say.
    var pciWindows: [UInt32: [PCIWindow]]?
    /// By segment.
    var inboundWindows: [UInt32: [InboundWindow]]?

    /// Its members distinguish it from a native platform.
    static func isFacts(_ root: JSONNode) -> Bool {
        root.kind == .object && root.member("devices") == nil
            && members.contains { root.member($0) != nil }
    }

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        preservesPCIConfiguration = reader.optional("preserve_config")?.bool(problems)
        pciWindows = Self.bySegment(reader.optional("pci_windows"), problems) { PCIWindow(&$0, problems) }
        inboundWindows = Self.bySegment(reader.optional("dma_ranges"), problems) {
            InboundWindow(&$0, problems)
        }
        reader.finish()
    }

    /// Windows that say which segment they belong to; the first unless they do.
    private static func bySegment<Window>(
        _ node: JSONNode?, _ problems: ProblemList, _ read: (inout ObjectReader) -> Window?
    ) -> [UInt32: [Window]]? {
        guard let elements = node?.elements(countMax: TextLimits.windowsMax, problems) else { return nil }
        var windows: [UInt32: [Window]] = [:]
        for element in elements {
            guard var reader = ObjectReader(element, problems) else { continue }
            let segment = reader.optional("segment").map { $0.int(in: 0...Int(UInt32.max), problems) } ?? 0
            let window = read(&reader)
            reader.finish()
            guard let segment, let window else { continue }
            windows[UInt32(segment), default: []].append(window)
        }
        return windows
    }
}
