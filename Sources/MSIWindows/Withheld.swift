// What Linux withholds in a device's DMA domain. Mirrors drivers/iommu/dma-iommu.c:
// iova_reserve_iommu_regions and iova_reserve_pci_windows, Linux 7.2, in the kernel's order and with its
// quirks; then sorted for reading.

public import AddressSpaces
public import Platforms
import SMMUModel

/// Everything withheld from one device under given conditions.
public struct Withheld: Hashable, Sendable {
    /// By start; at equal starts in the kernel's order.
    public let items: [WithheldItem]
    /// What setting up the DMA domain fails with; items are those up to the failure.
    public let errno: Errno?
    /// Highest DMA address of the bus, inclusive.
    public let dmaLimit: UInt64

    /// Usable IOVA: aperture up to the DMA limit, without the items.
    public let free: IOVASet

    /// - Parameter usable: ranges that the caller knows to be usable; nil when nothing is known.
    public init(for device: Device, under conditions: Conditions, usable: [IOVARange]? = nil) {
        var builder = Builder(granule: conditions.pageSize)
        builder.add(.pageZero, 0, conditions.pageSize.mask, "IOVA 0 is never allocated")
        builder.addPCIWindows(of: device)
        builder.addInboundGaps(of: device)
        builder.addRegions(of: device, under: conditions)
        if let usable {
            // VFIO's ranges leave out the driver's own window, which is no obstacle to itself.
            let own = IOVARange(
                proven: WindowSource.mainlineBase, WindowSource.mainlineBase + WindowSource.mainlineSize - 1)
            for range in IOVASet(usable).complement().ranges where range != own {
                builder.add(.outsideIOVARanges, range.start.value, range.last.value, "not in iova_ranges")
            }
        }
        // Equal starts keep the kernel's order.
        items = builder.items.enumerated().sorted {
            ($0.element.range.start.value, $0.offset) < ($1.element.range.start.value, $1.offset)
        }.map(\.element)
        errno = builder.errno
        dmaLimit = device.dmaLimit
        free = IOVASet([conditions.aperture])
            .clipped(to: IOVARange(proven: 0, device.dmaLimit))
            .subtracting(IOVASet(items.map(\.range)))
    }

    /// The items that share an address with `range`.
    public func items(overlapping range: IOVARange) -> [WithheldItem] {
        items.filter { $0.range.overlaps(range) }
    }

    private struct Builder {
        let granule: Granule
        var items: [WithheldItem] = []
        var errno: Errno?

        /// Both ends are rounded outward to whole pages, as `reserve_iova` counts pages.
        mutating func add(
            _ kind: WithheldItem.Kind, _ start: UInt64, _ last: UInt64, _ provenance: String,
            type: ReservedRegion.Kind? = nil, isAdvertised: Bool = false, isSeenByPostedSeries: Bool = false
        ) {
            items.append(
                WithheldItem(
                    range: IOVARange(proven: granule.alignDown(start), granule.lastOfPage(last)), kind: kind,
                    type: type, isAdvertised: isAdvertised, isSeenByPostedSeries: isSeenByPostedSeries,
                    provenance: provenance))
        }

        mutating func addPCIWindows(of device: Device) {
            for window in device.pciWindows where window.kind == .memory {
                let width = window.is64Bit ? "64-bit" : "32-bit"
                let prefix = window.isPrefetchable ? "prefetchable " : ""
                add(
                    .pciWindow, window.busStart, window.busStart + (window.size - 1),
                    "\(prefix)\(width) mem window cpu \(HexLiteral.text(window.cpuStart))")
            }
        }

        /// Sorted by CPU address but measured in bus addresses; the page of each window's first byte is lost
        /// with the gap below it, because the gap's end is passed as an inclusive page.
        mutating func addInboundGaps(of device: Device) {
            let sorted = device.inboundWindows.enumerated().sorted {
                ($0.element.cpuStart, $0.offset) < ($1.element.cpuStart, $1.offset)
            }.map(\.element)
            var start: UInt64 = 0
            for window in sorted {
                guard
                    gap(
                        from: &start, to: window.busStart,
                        "below inbound window \(HexLiteral.text(window.busStart))")
                else { return }
                start = window.busStart &+ window.size
            }
            // A last window that ends at 2^64-1 has wrapped `start` to 0, and everything is reserved.
            if let last = sorted.last, last.busStart != .max {
                _ = gap(from: &start, to: .max, "above last inbound window")
            }
        }

        private mutating func gap(from start: inout UInt64, to end: UInt64, _ provenance: String) -> Bool {
            if end > start {
                add(.dmaRangesGap, start, end, provenance)
            } else if end < start {
                errno = .invalidArgument
                return false
            }
            return true
        }

        mutating func addRegions(of device: Device, under conditions: Conditions) {
            for region in device.firmwareRegions {
                let isApplied = region.isApplied(to: device, under: conditions)
                guard isApplied || region.isOnHostBridge, region.kind != .softwareMSI,
                    region.length > 0
                else { continue }
                let (last, wraps) = region.start.addingReportingOverflow(region.length - 1)
                guard !wraps else { continue }
                add(
                    region.withheldKind, region.start, last, region.provenanceText, type: region.kind,
                    isAdvertised: isApplied, isSeenByPostedSeries: isApplied || region.isOnHostBridge)
            }
        }
    }
}
