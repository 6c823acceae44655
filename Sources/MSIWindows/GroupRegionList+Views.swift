// What user space sees of the list: the sysfs file, and the ranges that VFIO offers.

public import AddressSpaces
public import SMMUModel

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
    /// Bytes of the file after which the kernel cuts off: one 4 KiB page.
    public static let sysfsBytesMax = 4_096

    /// The file, byte for byte: a line a region, last address inclusive (and wrapping for length 0).
    public var sysfsText: String {
        var text = ""
        for region in regions {
            let last = region.start &+ region.length &- 1
            let line =
                "\(HexLiteral.padded(region.start)) \(HexLiteral.padded(last)) \(region.kind.sysfsName)\n"
            if text.utf8.count + line.utf8.count > Self.sysfsBytesMax { break }
            text += line
        }
        return text
    }

    /// Ranges as VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE lists them: the aperture without every region that is
    /// not relaxable, byte accurate; a region of no bytes splits a range (drivers/vfio/vfio_iommu_type1.c:
    /// vfio_iommu_resv_exclude, Linux 7.2).
    public func vfioRanges(aperture: IOVARange) -> [IOVARange] {
        var ranges = [aperture]
        for region in regions where region.kind != .directRelaxable {
            let start = region.start
            let last = start &+ region.length &- 1
            ranges = ranges.flatMap { range -> [IOVARange] in
                let low = range.start.value
                let high = range.last.value
                guard start <= high, low <= last else { return [range] }
                var rest: [IOVARange] = []
                if start > low { rest.append(IOVARange(proven: low, start - 1)) }
                if last < high { rest.append(IOVARange(proven: last + 1, high)) }
                return rest
            }
        }
        return ranges
    }
}
