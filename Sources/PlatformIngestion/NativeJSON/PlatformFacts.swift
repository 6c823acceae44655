// Facts that ACPI tables cannot tell, as a JSON part beside them: whether the kernel keeps the boot
// configuration of PCI, and the windows of host bridges.

import AddressSpaces
import PlatformWire
import Platforms
import WireJSON

/// `{"preserve_config": true, "pci_windows": [{"segment": 0, "bus": "0x10000000", "size": "0x1000"}]}`
struct PlatformFacts {
    var preservesPCIConfiguration: Bool?
    /// By segment; nil when the part does not say.
    var pciWindows: [UInt32: [PCIWindow]]?

    /// Told from a native platform by its members.
    static func isFacts(_ root: JSONNode) -> Bool {
        root.kind == .object && root.member("devices") == nil
            && (root.member("preserve_config") != nil || root.member("pci_windows") != nil)
    }

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        preservesPCIConfiguration = reader.optional("preserve_config")?.bool(problems)
        if let node = reader.optional("pci_windows"),
            let elements = node.elements(countMax: TextLimits.windowsMax, problems)
        {
            var windows: [UInt32: [PCIWindow]] = [:]
            for element in elements {
                guard let (segment, window) = Self.window(element, problems) else { continue }
                windows[segment, default: []].append(window)
            }
            pciWindows = windows
        }
        reader.finish()
    }

    private static func window(
        _ node: JSONNode, _ problems: ProblemList
    ) -> (segment: UInt32, window: PCIWindow)? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let segment = reader.optional("segment").map { $0.int(in: 0...Int(UInt32.max), problems) } ?? 0
        let window = PCIWindow(&reader, problems)
        reader.finish()
        guard let segment, let window else { return nil }
        return (UInt32(segment), window)
    }
}
