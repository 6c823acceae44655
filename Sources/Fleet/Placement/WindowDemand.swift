// How large the window must be and where it may start, from doorbells and pages and from what the caller
// asks for; and every place where such a window fits. The kernel never checks the length: its own window is
// 1 MiB, however many doorbells there are. A window may lie across 4 GiB, as those of decisions may, unless
// the demand is for 32-bit MSIs: then it lies below as a whole.

public import AddressSpaces
import MSIWindows

/// The window that is wanted.
public struct WindowDemand: Hashable, Sendable {
    /// Bytes to reserve, at least what the doorbells take.
    public let size: UInt64
    public let alignment: Granule
    /// What the doorbells take: one page each.
    public let needed: UInt64
    /// The caller asked for less than the doorbells take.
    public let isEnlarged: Bool
    public let requested: UInt64?
    /// Whether the window can be moved: options supported, iommufd used.
    public let isMovable: Bool
    /// Devices with 32-bit MSI need the window below 4 GiB.
    public let is32BitOnly: Bool
    public let pageSize: Granule
    public let doorbells: Int
    /// What was asked for; nil where the size follows from the doorbells.
    private let askedSize: UInt64?
    private let askedAlignment: Granule?

    public static let doorbellsBounds = 1...65_536
    /// IOVAs near 0 are what stray DMA hits first, and 0 is easily taken for "unset".
    public static let lowestBase = Granule.mib1.bytes

    /// - Precondition: `doorbells` in `doorbellsBounds`, `size` at least 1.
    public init(
        size: UInt64? = nil, alignment: Granule? = nil, requested: UInt64? = nil, isMovable: Bool = true,
        is32BitOnly: Bool = false, pageSize: Granule = .kib4, doorbells: Int = 1
    ) {
        precondition(Self.doorbellsBounds.contains(doorbells), "\(doorbells) doorbells")
        let needed = UInt64(doorbells) * pageSize.bytes
        let least = Granule.mib1.alignUp(needed)!
        let isEnlarged = size.map { $0 < needed } ?? false
        self.needed = needed
        self.isEnlarged = isEnlarged
        self.size = isEnlarged ? least : size ?? least
        let wanted = alignment ?? .mib1
        self.alignment = wanted.shift > pageSize.shift ? wanted : pageSize
        self.requested = requested
        self.isMovable = isMovable
        self.is32BitOnly = is32BitOnly
        self.pageSize = pageSize
        self.doorbells = doorbells
        askedSize = size
        askedAlignment = alignment
    }

    /// The same demand on hosts with pages of this size.
    public func on(pagesOf pageSize: Granule) -> WindowDemand {
        if pageSize == self.pageSize { return self }
        return WindowDemand(
            size: askedSize, alignment: askedAlignment, requested: requested, isMovable: isMovable,
            is32BitOnly: is32BitOnly, pageSize: pageSize, doorbells: doorbells)
    }

    /// The demand for a window as large as Linux's own, of so many doorbells.
    func ofMainlineSize(doorbells: Int) -> WindowDemand {
        WindowDemand(
            size: WindowSource.mainlineSize, alignment: alignment, requested: requested, isMovable: isMovable,
            is32BitOnly: is32BitOnly, pageSize: pageSize, doorbells: doorbells)
    }

    /// The window at a base; nil when it would pass 2^64.
    func window(at base: UInt64) -> IOVARange? { IOVARange(start: IOVA(base), size: size) }

    /// What Linux takes where a window is at this base: its own as a whole, however little is asked for.
    func taken(at base: UInt64) -> IOVARange? {
        base == WindowSource.mainlineBase && size <= WindowSource.mainlineSize
            ? WindowSource.mainlineWindow : window(at: base)
    }

    /// Where the default window would lie with this size.
    var defaultWindow: IOVARange? { window(at: WindowSource.mainlineBase) }

    /// SIZE of the proposed option, in MiB.
    public var sizeMiB: UInt64 { Granule.mib1.pageCount(of: size) }

    /// The page of the last doorbell in a window that starts at the default.
    var lastPageAtDefault: IOVARange {
        let start = WindowSource.mainlineBase + (needed - pageSize.bytes)
        return IOVARange(proven: start, start + pageSize.mask)
    }

    /// Addresses in which a window may be put, whoever asks for a place.
    public static let bounds = IOVARange(proven: lowestBase, .max)

    /// The same for this demand.
    var bounds: IOVARange {
        is32BitOnly ? IOVARange(proven: Self.lowestBase, IOVARange.below4GiB.last.value) : Self.bounds
    }
}

/// All places for a window, as ranges that hold it at every aligned base.
public struct Candidates: Hashable, Sendable {
    private let places: IOVASet
    private let size: UInt64
    private let alignment: Granule

    static let empty = Candidates(in: .empty, WindowDemand())

    /// Every place of the wanted window in `free`.
    public init(in free: IOVASet, _ demand: WindowDemand) {
        size = demand.size
        alignment = demand.alignment
        places = free.places(size: size, alignment: alignment, within: demand.bounds)
    }

    /// Ascending, each from the lowest window's start to the highest window's last byte.
    public var ranges: [IOVARange] { places.ranges }

    public var isEmpty: Bool { places.isEmpty }

    /// Whether the window at `base` is one of the places; a base need not be aligned to be free, but it is
    /// to be a candidate.
    public func contains(base: UInt64) -> Bool {
        guard alignment.isAligned(base), let window = IOVARange(start: IOVA(base), size: size) else {
            return false
        }
        return places.contains(window)
    }

    /// The smallest distance to the default, upward when two are equally near.
    public var nearestDefault: UInt64? {
        let target = WindowSource.mainlineWindow.start
        return places.nearestFit(to: target, size: size, alignment: alignment)?.start.value
    }

    public var lowest: UInt64? { places.first?.value }

    public var highestBelow4G: UInt64? {
        places.highestFit(size: size, alignment: alignment, within: .below4GiB)?.start.value
    }
}
