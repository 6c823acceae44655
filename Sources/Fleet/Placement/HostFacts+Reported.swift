// A host that is known by what it reports: lines of sysfs's reserved_regions, and ranges of VFIO or iommufd.
// Both kinds of MSI region print "msi" in sysfs; only place and size tell them apart.

public import AddressSpaces
public import Machines
import MSIWindows

extension HostFacts {
    /// Facts from reserved regions and usable ranges. Ranges leave out the default window, which is added
    /// back: always where the regions tell what else is reserved there, otherwise only when the hole is
    /// exactly the window.
    ///
    /// - Parameters:
    ///   - ranges: nil when only regions are known.
    ///   - aperture: what is assumed to be translated where no ranges tell.
    public init(
        regions: [ReservedRegion]?, ranges: [IOVARange]?, aperture: IOVARange, options: [DeviceOption] = []
    ) {
        var obstacles: [HostObstacle] = []
        var hasSoftware = regions == nil
        for region in (regions ?? []).tellingMSIsApart() {
            guard let range = IOVARange(start: IOVA(region.start), size: region.length) else { continue }
            if region.kind == .softwareMSI {
                hasSoftware = true
                continue
            }
            obstacles.append(
                HostObstacle(
                    range: range, kind: HostObstacle.Kind(region.kind), provenance: region.words))
        }
        obstacles = Self.asKvmtoolReads(obstacles)
        var isBeforeAttach = false
        if let ranges {
            isBeforeAttach = ranges == [.full]
            var usable = IOVASet(ranges)
            let window = WindowSource.mainlineWindow
            let hole = usable.complement().ranges.first { $0.overlaps(window) }
            if regions != nil ? usable.isAround(window) : hole == window {
                usable = usable.union(IOVASet([window]))
            }
            obstacles += usable.complement().ranges.map {
                HostObstacle(range: $0, kind: .outsideIOVARanges, provenance: "not in iova_ranges")
            }
        } else {
            obstacles += Self.outside(aperture)
        }
        self.init(
            obstacles: obstacles, hasSoftwareMSI: hasSoftware, options: options,
            hasRangesBeforeAttach: isBeforeAttach)
    }

    /// What the IOMMU does not translate.
    static func outside(_ aperture: IOVARange) -> [HostObstacle] {
        IOVASet([aperture]).complement().ranges.map {
            HostObstacle(
                range: $0, kind: .outsideAperture, provenance: "the aperture is \(aperture.text)")
        }
    }
}

extension IOVASet {
    /// Whether the set has addresses on both sides of `range`: then a hole there is no end of the aperture.
    fileprivate func isAround(_ range: IOVARange) -> Bool {
        guard let first, let last else { return false }
        return first < range.start && range.last < last
    }
}

extension HostObstacle.Kind {
    init(_ kind: ReservedRegion.Kind) {
        switch kind {
        case .direct: self = .direct
        case .directRelaxable: self = .directRelaxable
        case .reserved: self = .reserved
        case .msi: self = .hardwareMSI
        case .softwareMSI: self = .deviceWindow
        }
    }
}

extension ReservedRegion {
    fileprivate var words: String {
        if case .caller(let words) = provenance { words } else { "reserved region" }
    }
}
