// Where obstacles come from. By firmware they are what is withheld from a device, where besides what the
// IOMMU layer refuses the platform withholds PCI windows and gaps between inbound windows; HostDevices.swift
// unites them. And a host is known by what it reports: lines of sysfs's reserved_regions, and ranges of VFIO
// or iommufd. Both kinds of MSI region print "msi" in sysfs; only place and size tell them apart.

public import AddressSpaces
public import MSIWindows
public import Machines

extension HostObstacle {
    /// VFIO and iommufd withhold a region to the byte, the DMA allocator what it withholds by the granule.
    /// What the host's own ranges leave out they do not map either.
    init(_ item: WithheldItem) {
        self.init(
            range: item.isAdvertised ? item.exact ?? item.range : item.range, kind: Kind(item),
            provenance: item.provenance,
            refusesMappings: item.isAdvertised || item.kind == .outsideIOVARanges)
    }
}

extension HostObstacle.Kind {
    /// The region's own type decides where VFIO looks at it; otherwise where the item comes from.
    fileprivate init(_ item: WithheldItem) {
        switch (item.type, item.isAdvertised) {
        case (.direct, true): self = .direct
        case (.directRelaxable, true): self = .directRelaxable
        case (.msi, _): self = .hardwareMSI
        case (.direct, false), (.directRelaxable, false), (.reserved, _), (.softwareMSI, _), (nil, _):
            self =
                switch item.kind {
                case .pageZero: .pageZero
                case .pciWindow: .pciWindow
                case .dmaRangesGap: .dmaRangesGap
                case .iommuAddresses: .iommuAddresses
                case .rmr: .rmr
                case .hardwareMSI: .hardwareMSI
                case .outsideIOVARanges: .outsideIOVARanges
                case .reservedRegion: .reserved
                }
        }
    }
}

extension HostFacts {
    /// Facts from reserved regions and usable ranges; `UsableRanges` says what is missing in these.
    ///
    /// - Parameters:
    ///   - ranges: nil when only regions are known.
    ///   - aperture: what is assumed to be translated where there are no ranges that say it.
    ///   - conditions: whose kernel says what a direct region does.
    public convenience init(
        regions: [ReservedRegion]?, ranges: [IOVARange]?, aperture: IOVARange, options: [DeviceOption] = [],
        under conditions: Conditions = Conditions()
    ) {
        var obstacles: [HostObstacle] = []
        let told = regions?.tellingMSIsApart()
        for region in told ?? [] {
            guard region.kind != .softwareMSI, let range = region.range else { continue }
            obstacles.append(
                HostObstacle(
                    range: range, kind: HostObstacle.Kind(region.kind), provenance: region.words))
        }
        obstacles = Self.asKvmtoolReads(obstacles)
        let usable = ranges.map { UsableRanges($0, beside: regions ?? []) }
        if let usable, !usable.areBeforeAttach {
            obstacles += usable.gaps.map {
                HostObstacle(range: $0, kind: .outsideIOVARanges, provenance: UsableRanges.provenance)
            }
        } else {
            obstacles += Self.outside(aperture)
        }
        self.init(
            obstacles: obstacles, unenforced: UnenforcedRegion.among(told ?? [], under: conditions),
            hasSoftwareMSI: told?.reportingDriver != .virtio, options: options,
            rangesRemark: usable?.remark,
            x86Remark: told?.isOfX86 == true ? DriverWindow.x86Remark : nil,
            otherIOMMU: told?.isOfX86 == true ? nil : told?.reportingDriver)
    }

    /// What the IOMMU does not translate.
    static func outside(_ aperture: IOVARange) -> [HostObstacle] {
        IOVASet([aperture]).complement().ranges.map {
            HostObstacle(
                range: $0, kind: .outsideAperture, provenance: "the aperture is \(aperture.text)")
        }
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
