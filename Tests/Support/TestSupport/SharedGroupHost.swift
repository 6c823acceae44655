// A made-up host with two functions in one IOMMU group, of which only the second has a reservation of its
// own: at the top of the first 4 GiB, where the DMA layer puts pages first. The kernel prints it of both.

/// The host's device tree or tables, and its group.
public enum SharedGroupHost {
    public static let functions = ["0000:00:01.0", "0000:00:01.1"]
    /// The first function has no node, and so the bridge's facts.
    public static let nodes = ["/pcie@40000000", "/pcie@40000000/dev@1,1"]
    public static let region = (start: UInt64(0xfff0_0000), bytes: UInt64(0x10_0000))
    public static let list =
        "0x0000000008000000 0x00000000080fffff msi\n0x00000000fff00000 0x00000000ffffffff reserved\n"
    private static let place = "platform/40000000.pcie/pci0000:00"

    public static let tree = DeviceTreeBuilder.board { root in
        root.its(at: 0x808_0000)
        root.reservedMemory { memory in
            memory.child("fw") { node in
                node.cells("phandle", 9)
                node.cells("iommu-addresses", 5, 0x0200_0000, 0, 0xfff0_0000, 0, 0x10_0000)
            }
        }
        root.pciHost("pcie@40000000") { node in
            node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
            node.cells("linux,pci-domain", 0)
            node.cells("msi-map", 0, 2, 0, 0x1_0000)
            node.child("dev@1,1") { function in
                function.cells("reg", 0x900, 0, 0, 0, 0)
                function.cells("phandle", 5)
                function.cells("memory-region", 9)
            }
        }
    }

    /// An IORT with the same reservation as an RMR of the second function, and a MADT.
    public static var tables: (iort: [UInt8], madt: [UInt8]) {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x1000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 64, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges([(region.start, region.bytes)], [.init(0, 0, 9, to: smmu)])
        return (builder.table(), ACPITableBuilder.madt(its: [(0, 0x808_0000)]))
    }

    /// What `iovad collect` sends of it; `firmware` is the members of the description.
    public static func collected(_ firmware: String, release: String, list: String = list) -> String {
        let devices = functions.map { "\"\($0)\"" }.joined(separator: ",")
        let paths = functions.map { "\"../../../../devices/\(place)/\($0)\"" }.joined(separator: ",")
        return #"{"collected":{"format":1,"kernel_release":"\#(release)","page_size":4096,\#(firmware),"#
            + #""groups":[{"id":"3","type":"DMA","devices":[\#(devices)],"paths":[\#(paths)],"#
            + #""reserved_regions":"\#(list.replacing("\n", with: "\\n"))"}],"notes":[]}}"#
    }

    public static func collectedTree(release: String) -> String {
        collected(#""device_tree":"\#(tree.hexDigits)""#, release: release)
    }

    /// An RMR that must be mapped one to one prints as direct.
    public static func collectedTables(release: String) -> String {
        let (iort, madt) = tables
        return collected(
            #""device_tree":null,"acpi":{"IORT":"\#(iort.hexDigits)","APIC":"\#(madt.hexDigits)"}"#,
            release: release, list: list.replacing("reserved", with: "direct"))
    }
}

extension FileTree {
    /// The host as a folder, as `--root` reads it.
    public func addSharedGroupHost(_ root: String, release: String) throws {
        try add("\(root)/sys/firmware/fdt", SharedGroupHost.tree)
        try add("\(root)/proc/sys/kernel/osrelease", "\(release)\n")
        try addGroup(
            root, 3, type: "DMA", regions: SharedGroupHost.list,
            devices: SharedGroupHost.functions.map { ($0, "platform/40000000.pcie/pci0000:00/\($0)") })
    }
}
