// One size class of the per-CPU caches, for one CPU (drivers/iommu/iova.c: struct iova_rcache and
// iova_magazine, Linux 7.2): section 7 of the specification. It keeps pfns only; their ranges stay held.

/// Stacks of freed ranges of one size.
struct MagazineClass: Sendable {
    /// Classes 0 ... 5: one page to 32.
    static let count = 6
    static let magazineMax = 127

    var loaded: [UInt64] = []
    var previous: [UInt64] = []
    /// Full magazines, the newest last.
    var depot: [[UInt64]] = []
    /// Whether the trimmer will look at this class when it fires.
    var isArmed = false

    /// The newest entry of the loaded magazine that is at most `highest`. A miss does not look further.
    mutating func pop(atMost highest: UInt64) -> UInt64? {
        if loaded.isEmpty {
            if !previous.isEmpty {
                swap(&loaded, &previous)
            } else if let newest = depot.popLast() {
                loaded = newest
            } else {
                return nil
            }
        }
        guard let place = loaded.lastIndex(where: { $0 <= highest }) else { return nil }
        loaded.swapAt(place, loaded.count - 1)
        return loaded.removeLast()
    }

    /// Keeps a pfn. Returns what a depot of at most `depotMax` magazines has no place for.
    mutating func push(_ pfn: UInt64, depotMax: Int?) -> [UInt64] {
        var overflow: [UInt64] = []
        if loaded.count == Self.magazineMax {
            if previous.count < Self.magazineMax {
                swap(&loaded, &previous)
            } else {
                if let depotMax, depot.count >= depotMax {
                    overflow = loaded
                } else {
                    depot.append(loaded)
                    isArmed = true
                }
                loaded = []
            }
        }
        loaded.append(pfn)
        return overflow
    }
}
