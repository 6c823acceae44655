// Makes flattened device trees for tests, so that no fixture has to be compiled by a tool or taken from
// elsewhere. Version 17, without memory reservations.

/// A node under construction.
public struct TreeNode {
    var name: String
    var properties: [(name: String, value: [UInt8])] = []
    var children: [TreeNode] = []

    public init(_ name: String) { self.name = name }

    public mutating func cells(_ property: String, _ values: UInt32...) { cells(property, values) }

    public mutating func cells(_ property: String, _ values: [UInt32]) {
        properties.append((property, values.flatMap { word($0) }))
    }

    public mutating func strings(_ property: String, _ values: String...) {
        properties.append((property, values.flatMap { Array($0.utf8) + [0] }))
    }

    public mutating func bytes(_ property: String, _ value: [UInt8]) { properties.append((property, value)) }

    public mutating func flag(_ property: String) { properties.append((property, [])) }

    public mutating func child(_ name: String, _ fill: (inout TreeNode) -> Void) {
        var node = TreeNode(name)
        fill(&node)
        children.append(node)
    }
}

extension TreeNode {
    /// A PCI host bridge below a node with two cells each, whose requester IDs are the stream IDs from
    /// `firstStream` on of the SMMU with phandle 1.
    public mutating func pciHost(
        _ name: String, firstStream: UInt32 = 0, _ fill: (inout TreeNode) -> Void = { _ in }
    ) {
        child(name) { node in
            node.strings("device_type", "pci")
            node.cells("#address-cells", 3)
            node.cells("#size-cells", 2)
            node.cells("iommu-map", 0, 1, firstStream, 0x1_0000)
            fill(&node)
        }
    }

    /// An ITS with phandle 2, whose device IDs have one cell.
    public mutating func its(at base: UInt32) {
        child("its@\(String(base, radix: 16))") { node in
            node.strings("compatible", "arm,gic-v3-its")
            node.cells("reg", 0, base, 0, 0x2_0000)
            node.flag("msi-controller")
            node.cells("#msi-cells", 1)
            node.cells("phandle", 2)
        }
    }

    /// `/reserved-memory` with two cells each, whose addresses are the root's.
    public mutating func reservedMemory(_ fill: (inout TreeNode) -> Void) {
        child("reserved-memory") { node in
            node.cells("#address-cells", 2)
            node.cells("#size-cells", 2)
            node.flag("ranges")
            fill(&node)
        }
    }
}

/// Writes trees.
public enum DeviceTreeBuilder {
    /// A board: two cells each at the root, an SMMUv3 with phandle 1 and one cell a stream ID, and what
    /// `fill` adds.
    public static func board(
        smmuBase: UInt32 = 0x1000, smmuStatus: String = "okay", _ fill: (inout TreeNode) -> Void
    ) -> [UInt8] {
        blob { root in
            root.strings("compatible", "test,board")
            root.cells("#address-cells", 2)
            root.cells("#size-cells", 2)
            root.child("iommu@\(String(smmuBase, radix: 16))") { node in
                node.strings("compatible", "arm,smmu-v3")
                node.cells("reg", 0, smmuBase, 0, 0x1000)
                node.cells("#iommu-cells", 1)
                node.cells("phandle", 1)
                if smmuStatus != "okay" { node.strings("status", smmuStatus) }
            }
            fill(&root)
        }
    }

    /// A blob whose root is what `fill` makes of it.
    public static func blob(_ fill: (inout TreeNode) -> Void) -> [UInt8] {
        var root = TreeNode("")
        fill(&root)
        var strings: [UInt8] = []
        var offsets: [String: Int] = [:]
        var structure = write(root, &strings, &offsets)
        structure += word(9)
        let structureStart = 40 + 16
        let stringsStart = structureStart + structure.count
        let total = stringsStart + strings.count
        let header: [UInt32] = [
            0xd00d_feed, UInt32(total), UInt32(structureStart), UInt32(stringsStart), 40, 17, 16, 0,
            UInt32(strings.count), UInt32(structure.count),
        ]
        return header.flatMap { word($0) } + [UInt8](repeating: 0, count: 16) + structure + strings
    }

    private static func write(
        _ node: TreeNode, _ strings: inout [UInt8], _ offsets: inout [String: Int]
    ) -> [UInt8] {
        var bytes = word(1) + padded(Array(node.name.utf8) + [0])
        for property in node.properties {
            if offsets[property.name] == nil {
                offsets[property.name] = strings.count
                strings += Array(property.name.utf8) + [0]
            }
            bytes += word(3) + word(UInt32(property.value.count)) + word(UInt32(offsets[property.name]!))
            bytes += padded(property.value)
        }
        for child in node.children { bytes += write(child, &strings, &offsets) }
        return bytes + word(2)
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }
}

private func word(_ value: UInt32) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
}
