// Where a window fits, and the three picks. A window may lie across 4 GiB, as those of decisions may, unless
// the demand is for 32-bit MSIs: then it lies below as a whole.

public import AddressSpaces
import MSIWindows

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
