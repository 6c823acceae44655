// A host that is known by its firmware: the union over the devices that the VM gets. Besides what the IOMMU
// layer refuses, the platform withholds PCI windows and gaps between inbound windows: there a mapping
// succeeds and the doorbell is never rung.

public import AddressSpaces
import Machines
public import MSIWindows

extension HostFacts {
    /// Facts of the devices of one platform.
    public init(devices: [PreparedDevice], aperture: IOVARange, options: [DeviceOption] = []) {
        var obstacles = Self.outside(aperture)
        var seen: Set<HostObstacle> = []
        for prepared in devices {
            let device = prepared.device
            var found = Self.asKvmtoolReads(prepared.withheld.items.map(HostObstacle.init))
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
            obstacles: obstacles, hasSoftwareMSI: devices.contains(where: \.offersSoftwareWindow),
            options: options)
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
        default:
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
