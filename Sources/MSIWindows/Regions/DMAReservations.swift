// The reserve calls that set up a DMA domain, in the kernel's order and with its quirks. Mirrors
// drivers/iommu/dma-iommu.c: iova_reserve_iommu_regions and iova_reserve_pci_windows, Linux 7.2. It says
// what Linux asks its allocator for; what that means for a window is Withheld's.

public import AddressSpaces
public import LinuxReleases
public import Machines

/// What the DMA layer reserves for the first device of a group.
public struct DMAReservations: Hashable, Sendable {
    /// One call of reserve_iova, in addresses.
    public struct Call: Hashable, Sendable {
        public var kind: WithheldItem.Kind
        public var first: UInt64
        /// Inclusive; below `first` for a region of no bytes, or one that wraps.
        public var last: UInt64
        /// The region's own type; nil for what only the DMA allocator knows.
        public var type: ReservedRegion.Kind?
        public var provenance: String

        /// First and last page frame, as passed; `lo > hi` inserts an inverted node.
        public func frames(_ granule: Granule) -> (lo: UInt64, hi: UInt64) {
            (granule.frame(of: first), granule.frame(of: last))
        }

        /// Whole pages, as the allocator counts; nil for an inverted call.
        public func range(_ granule: Granule) -> IOVARange? {
            granule.pages(from: first, through: last)
        }
    }

    public private(set) var calls: [Call] = []
    /// What the set-up fails with: the rest of the calls are not made, and the device keeps the platform's
    /// DMA operations while its domain stays attached.
    public private(set) var errno: Errno?
    /// First address of the inbound window that is out of order.
    public private(set) var misplacedWindow: UInt64?

    /// - Parameter applied: the regions that the driver reports, rounded as the kernel rounds them.
    init(for device: Device, applying applied: [ReservedRegion]) {
        addPCIWindows(of: device)
        addInboundGaps(of: device)
        if errno == nil { add(applied) }
    }

    /// None: what a domain without a device makes.
    init() {}

    private mutating func addPCIWindows(of device: Device) {
        for window in device.pciWindows where window.kind == .memory {
            let width = window.is64Bit ? "64-bit" : "32-bit"
            let prefix = window.isPrefetchable ? "prefetchable " : ""
            calls.append(
                Call(
                    kind: .pciWindow, first: window.busStart, last: window.busLast,
                    provenance: "\(prefix)\(width) mem window cpu \(HexLiteral.text(window.cpuStart))"))
        }
    }

    /// Sorted by CPU address but measured in bus addresses; the page of each window's first byte is lost with
    /// the gap below it, because the gap's end is passed as an inclusive page.
    private mutating func addInboundGaps(of device: Device) {
        let sorted = Self.inCPUOrder(device.inboundWindows)
        var start: UInt64 = 0
        for window in sorted {
            let below = "below inbound window \(HexLiteral.text(window.busStart))"
            guard gap(from: start, to: window.busStart, below) else {
                misplacedWindow = window.busStart
                return
            }
            start = window.busStart &+ window.size
        }
        // A last window that ends at 2^64-1 has wrapped `start` to 0, and everything is reserved.
        if let last = sorted.last, last.busStart != .max {
            _ = gap(from: start, to: .max, "above last inbound window")
        }
    }

    /// Stable, as the kernel sorts them.
    static func inCPUOrder(_ windows: [InboundWindow]) -> [InboundWindow] {
        windows.enumerated().sorted {
            ($0.element.cpuStart, $0.offset) < ($1.element.cpuStart, $1.offset)
        }.map(\.element)
    }

    private mutating func gap(from start: UInt64, to end: UInt64, _ provenance: String) -> Bool {
        guard end >= start else {
            errno = .invalidArgument
            return false
        }
        if end > start {
            calls.append(Call(kind: .dmaRangesGap, first: start, last: end, provenance: provenance))
        }
        return true
    }

    private mutating func add(_ applied: [ReservedRegion]) {
        for region in applied where region.kind != .softwareMSI {
            calls.append(
                Call(
                    kind: region.withheldKind, first: region.start, last: region.wrappingLast,
                    type: region.kind, provenance: region.provenanceText))
        }
    }
}
