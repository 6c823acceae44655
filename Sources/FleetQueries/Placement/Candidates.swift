// Where a window fits, and the three picks. A window never lies across 4 GiB: half of it would be out of
// reach for 32-bit MSI, so a free range that crosses 4 GiB counts as two.

public import AddressSpaces
import MSIWindows

/// All places for a window, as ranges that hold it at every aligned base.
public struct Candidates: Hashable, Sendable {
    /// Ascending, each from the lowest window's start to the highest window's last byte.
    public let ranges: [IOVARange]
    let size: UInt64
    let alignment: Granule

    static let empty = Candidates(in: .empty, WindowDemand())

    private static let low = IOVARange(proven: 0, 0xffff_ffff)
    private static let high = IOVARange(proven: 0x1_0000_0000, .max)

    /// Every place of the wanted window in `free`.
    public init(in free: IOVASet, _ demand: WindowDemand) {
        size = demand.size
        alignment = demand.alignment
        let halves = [Self.low, Self.high].flatMap { half in
            free.clipped(to: demand.bounds).clipped(to: half).ranges
        }
        ranges = halves.compactMap { Self.trimmed($0, demand.size, demand.alignment) }
    }

    /// From the first aligned base to the last byte of the last window; nil when none fits.
    private static func trimmed(_ room: IOVARange, _ size: UInt64, _ alignment: Granule) -> IOVARange? {
        guard let start = alignment.alignUp(room.start.value), room.last.value >= start,
            room.last.value - start >= size - 1
        else { return nil }
        let last = alignment.alignDown(room.last.value - (size - 1)) + (size - 1)
        return IOVARange(proven: start, last)
    }

    public var isEmpty: Bool { ranges.isEmpty }

    /// Whether the window at `base` is one of the places; a base need not be aligned to be free, but it is
    /// to be a candidate.
    public func contains(base: UInt64) -> Bool {
        guard alignment.isAligned(base), let window = IOVARange(start: IOVA(base), size: size) else {
            return false
        }
        return ranges.contains { $0.contains(window) }
    }

    /// The smallest distance to the default, upward when two are equally near.
    public var nearestDefault: UInt64? {
        let target = WindowSource.mainlineBase
        var best: (base: UInt64, distance: UInt64)?
        for range in ranges {
            let highest = range.last.value - (size - 1)
            for wanted in [alignment.alignUp(target) ?? highest, alignment.alignDown(target)] {
                let base = min(max(wanted, range.start.value), highest)
                let distance = base > target ? base - target : target - base
                if best == nil || distance < best!.distance
                    || (distance == best!.distance && base > best!.base)
                {
                    best = (base, distance)
                }
            }
        }
        return best?.base
    }

    public var lowest: UInt64? { ranges.first?.start.value }

    public var highestBelow4G: UInt64? {
        ranges.last { Self.low.contains($0) }.map { $0.last.value - (size - 1) }
    }
}
