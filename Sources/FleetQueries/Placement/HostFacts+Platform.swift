// A host that is known by its firmware: the union over the devices that the VM gets. Besides what the IOMMU
// layer refuses, the platform withholds PCI windows and gaps between inbound windows: there a mapping
// succeeds and the doorbell is never rung.

import AddressSpaces
public import MSIWindows
public import Platforms
import SMMUModel

extension HostFacts {
    /// Facts of the devices of one platform under given conditions; `offersWindow` tells whether the driver
    /// of any of them reports a software window.
    public init(
        devices: [Device], under conditions: Conditions, options: [DeviceOption] = [], offersWindow: Bool
    ) {
        var obstacles = Self.outside(conditions.aperture)
        var seen: Set<HostObstacle> = []
        for device in devices {
            let withheld = Withheld(for: device, under: conditions)
            var found = Self.asKvmtoolReads(withheld.items.map(HostObstacle.init))
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
        self.init(obstacles: obstacles, hasSoftwareMSI: offersWindow, options: options)
    }
}

extension HostObstacle {
    /// VFIO and iommufd withhold a region to the byte, the DMA allocator what it withholds by the granule.
    fileprivate init(_ item: WithheldItem) {
        self.init(
            range: item.isAdvertised ? item.exact ?? item.range : item.range, kind: Kind(item),
            provenance: item.provenance,
            refusesMappings: item.isAdvertised)
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
