// Where a window of a given size and alignment fits into a set: the one search of decisions, placements,
// surveys and views. A window lies in `bounds` as a whole and may cross any other boundary, 4 GiB too.
// Windows end at 2^64-1 at the most; no arithmetic here can overflow, whatever the size.

extension RegionSet {
    /// The lowest aligned place for `size` bytes (at least 1); nil when nothing fits.
    @inlinable
    public func lowestFit(size: UInt64, alignment: Granule, within bounds: Range = .full) -> Range? {
        for range in ranges(overlapping: bounds) {
            guard let room = range.intersection(bounds) else { continue }
            if let starts = Self.starts(in: room, size: size, alignment: alignment) {
                return Range(start: starts.start, size: size)
            }
        }
        return nil
    }

    /// The highest aligned place for `size` bytes (at least 1); nil when nothing fits.
    @inlinable
    public func highestFit(size: UInt64, alignment: Granule, within bounds: Range = .full) -> Range? {
        for range in ranges(overlapping: bounds).reversed() {
            guard let room = range.intersection(bounds) else { continue }
            if let starts = Self.starts(in: room, size: size, alignment: alignment) {
                return Range(start: starts.last, size: size)
            }
        }
        return nil
    }

    /// The aligned place whose start is nearest to `target`, the higher of two equally near ones.
    @inlinable
    public func nearestFit(
        to target: Space, size: UInt64, alignment: Granule, within bounds: Range = .full
    ) -> Range? {
        var best: (start: UInt64, distance: UInt64)?
        for range in ranges(overlapping: bounds) {
            guard let room = range.intersection(bounds),
                let starts = Self.starts(in: room, size: size, alignment: alignment)
            else { continue }
            let below = alignment.alignDown(target.value)
            // One by one: a list of the two would take memory for each range.
            let lower = Self.near(target, start: below, of: starts)
            let upper = Self.near(target, start: alignment.alignUp(target.value) ?? below, of: starts)
            let nearer = upper.distance <= lower.distance ? upper : lower
            if best == nil || nearer.distance <= best!.distance { best = nearer }
        }
        return best.flatMap { Range(start: Space($0.start), size: size) }
    }

    /// The place among `starts` that is next to `start`, and how far from the target it is.
    @inlinable
    static func near(
        _ target: Space, start: UInt64, of starts: Range
    ) -> (start: UInt64, distance: UInt64) {
        let start = Swift.min(Swift.max(start, starts.start.value), starts.last.value)
        return (start, start > target.value ? start - target.value : target.value - start)
    }

    /// Every place for `size` bytes (at least 1): ranges from the lowest start to the last address of the
    /// highest window, which hold the window at every aligned start. Ranges without a place are left out.
    @inlinable
    public func places(size: UInt64, alignment: Granule, within bounds: Range = .full) -> Self {
        let rooms = ranges(overlapping: bounds)
        var places: [Range] = []
        places.reserveCapacity(Swift.min(rooms.count, Self.shortCount))
        for range in rooms {
            guard let room = range.intersection(bounds),
                let starts = Self.starts(in: room, size: size, alignment: alignment)
            else { continue }
            places.append(Range(proven: starts.start.value, starts.last.value + (size - 1)))
        }
        return Self(normalised: places)
    }

    /// The first and last aligned start of a window inside `room`; nil when there is none.
    @inlinable
    static func starts(in room: Range, size: UInt64, alignment: Granule) -> Range? {
        precondition(size > 0, "a window of no bytes")
        guard room.sizeMinusOne >= size - 1, let lowest = alignment.alignUp(room.start.value) else {
            return nil
        }
        let highest = alignment.alignDown(room.last.value - (size - 1))
        return Range(start: Space(lowest), last: Space(highest))
    }
}
