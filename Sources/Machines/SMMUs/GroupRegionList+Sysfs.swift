// What the kernel prints of a group's regions. Mirrors drivers/iommu/iommu.c:
// iommu_group_show_resv_regions, Linux 7.2.

import AddressSpaces

extension ReservedRegion.Kind {
    /// As the kernel prints it. Hardware and software MSI regions look alike.
    public var sysfsName: String {
        switch self {
        case .direct: "direct"
        case .directRelaxable: "direct-relaxable"
        case .reserved: "reserved"
        case .msi, .softwareMSI: "msi"
        }
    }
}

extension GroupRegionList {
    /// The file, byte for byte: a line a region, last address inclusive (and wrapping for length 0). The
    /// kernel cuts it off at one page of the CPU, within a line if need be.
    ///
    /// - Parameter pageBytes: bytes of a CPU page.
    public func sysfsText(pageBytes: Int = 4_096) -> String {
        var text = ""
        for region in regions {
            text +=
                "\(HexLiteral.padded(region.start)) \(HexLiteral.padded(region.wrappingLast)) "
                + "\(region.kind.sysfsName)\n"
            // sysfs_emit_at keeps the last byte of the page for a terminator.
            if text.utf8.count >= pageBytes { return String(text.prefix(pageBytes - 1)) }
        }
        return text
    }
}
