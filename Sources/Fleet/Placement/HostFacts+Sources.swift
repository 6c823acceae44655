// The two ways to know a host. By its firmware: the union over the devices that the VM gets, where besides
// what the IOMMU layer refuses the platform withholds PCI windows and gaps between inbound windows. And by
// what it reports: lines of sysfs's reserved_regions, and ranges of VFIO or iommufd. Both kinds of MSI region
// print "msi" in sysfs; only place and size tell them apart.

public import AddressSpaces
public import MSIWindows
public import Machines

extension HostFacts {
    /// Facts of the devices of one platform.
    ///
    /// - Parameter doorbells: of a device; none where nothing is known of them.
    public convenience init(
        devices: [PreparedDevice], aperture: IOVARange, options: [DeviceOption] = [],
        doorbells: (Device) -> [PhysicalAddress] = { _ in [] }
    ) {
        self.init(
            prepared: devices, aperture: aperture, options: options,
            ifReported: Self.ifReported(devices, aperture, options, doorbells))
    }

    private static func ifReported(
        _ devices: [PreparedDevice], _ aperture: IOVARange, _ options: [DeviceOption],
        _ doorbells: (Device) -> [PhysicalAddress]
    ) -> [IfReported] {
        let others = devices.map { $0.ifReported(over: doorbells($0.source)) }
        guard others.contains(where: { $0 != nil }) else { return [] }
        var seen: Set<ReservedRegion> = []
        let regions = others.compactMap { $0?.regions }.joined().filter { seen.insert($0).inserted }
        let reported = zip(devices, others).map { device, other in
            guard let other, regions.isEmpty || !other.regions.isEmpty else { return device }
            return other.device
        }
        return [
            IfReported(
                regions: regions,
                facts: HostFacts(prepared: reported, aperture: aperture, options: options))
        ]
    }

    private convenience init(
        prepared devices: [PreparedDevice], aperture: IOVARange, options: [DeviceOption],
        ifReported: [IfReported] = []
    ) {
        var obstacles = Self.outside(aperture)
        var seen: Set<HostObstacle> = []
        for prepared in devices {
            let device = prepared.device
            // Where no kernel keeps a relaxable region, nobody prints it either.
            let items = prepared.withheld.items.filter { $0.isAdvertised || !$0.isRelaxable }
            var found = Self.asKvmtoolReads(items.map(HostObstacle.init))
            if let beyond = IOVARange(start: IOVA(device.dmaLimit &+ 1), last: IOVA(.max)),
                device.dmaLimit != .max
            {
                found.append(
                    HostObstacle(
                        range: beyond, kind: .aboveDMALimit,
                        provenance: "the bus carries addresses up to \(HexLiteral.text(device.dmaLimit))",
                        refusesMappings: false))
            }
            obstacles += found.filter { seen.insert($0).inserted }
        }
        self.init(
            obstacles: obstacles,
            unenforced: devices.flatMap { UnenforcedRegion.among($0.directRegions, under: $0.conditions) },
            hasSoftwareMSI: devices.contains(where: \.offersSoftwareWindow),
            options: options,
            unknownFacts: UnknownFactRemark.first(of: devices.lazy.map(\.device)),
            undecidedRemark: devices.lazy.compactMap(\.undecidedRemark).first,
            unusedRegionsRemark: devices.allSatisfy { $0.conditions.hasUnusedIOMMURegions }
                ? Conditions.unusedIOMMURegions : nil,
            x86Remark: devices.lazy.compactMap(\.source.x86Remark).first,
            crashRemark: devices.lazy.compactMap(\.crashRemark).first,
            withoutIOMMU: devices.lazy.map(\.source).withoutIOMMU, ifReported: ifReported)
    }
}

extension HostObstacle {
    /// VFIO and iommufd withhold a region to the byte, the DMA allocator what it withholds by the granule.
    /// What the host's own ranges leave out they do not map either.
    fileprivate init(_ item: WithheldItem) {
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
            x86Remark: told?.isOfX86 == true ? DriverWindow.x86Remark : nil)
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
