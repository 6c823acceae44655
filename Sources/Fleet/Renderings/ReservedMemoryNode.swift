// A reserved-memory node with `iommu-addresses`, as source that is appended to a machine's device tree. It
// tells a guest with a nested SMMUv3 where the window is, or a host's kernel what its firmware left out.
// Mirrors drivers/iommu/of_iommu.c: of_iommu_get_resv_regions, Linux 7.2.

import AddressSpaces

/// One node, and the property that refers to it.
struct ReservedMemoryNode {
    /// Of the bus on which the device's addresses are.
    enum Bus {
        /// Two cells for an address, two for a size.
        case plain
        /// PCI: the address has a cell of flags before it.
        case pci

        /// 64-bit memory space.
        fileprivate var prefix: String {
            switch self {
            case .plain: ""
            case .pci: "0x3000000 "
            }
        }
    }

    private let range: IOVARange
    private let bus: Bus
    /// The device's node, as dtc names it after "&".
    private let device: String
    /// Whether the node has the same range as `reg`, so that Linux maps it one to one.
    private let isMapped: Bool
    private let remarks: [String]

    /// For the guest.
    init(_ vm: RenderedVM) throws(Rendering.Refusal) {
        guard vm.isNested else { throw .unseen }
        self.init(
            vm.window, of: "device", on: .pci, isMapped: true,
            remarks: vm.marks + [
                "For the guest's tree: the window \(vm.window.text), mapped one to one.",
                "\"device\" is the label of the assigned function's own node: Linux does not look at its host bridge.",
            ])
    }

    init(_ range: IOVARange, of device: String, on bus: Bus, isMapped: Bool, remarks: [String]) {
        self.range = range
        self.bus = bus
        self.device = device
        self.isMapped = isMapped
        self.remarks = remarks
    }

    var text: String {
        let cells = "\(Self.cells(range.start.value)) \(Self.cells(range.size ?? 0))"
        let label = "msi_window_\(HexLiteral.digits(range.start.value))"
        let memory = isMapped ? "\t\t\treg = <\(cells)>;\n" : ""
        // A unit address is of a node with "reg".
        let name =
            isMapped
            ? "msi-window@\(HexLiteral.digits(range.start.value))"
            : "msi-window-\(HexLiteral.digits(range.start.value))"
        let told = remarks + ["A memory-region that the device has already must be kept: list both."]
        return """
            /* \(told.joined(separator: "\n * "))
             */
            / {
            \treserved-memory {
            \t\t#address-cells = <2>;
            \t\t#size-cells = <2>;
            \t\tranges;

            \t\t\(label): \(name) {
            \(memory)\t\t\tiommu-addresses = <&\(device) \(bus.prefix)\(cells)>;
            \t\t};
            \t};
            };

            &\(device) {
            \tmemory-region = <&\(label)>;
            };

            """
    }

    private static func cells(_ value: UInt64) -> String {
        "\(HexLiteral.text(value >> 32)) \(HexLiteral.text(value & 0xffff_ffff))"
    }
}
