// alloc_iova_fast, free_iova_fast, the depot trimmer and the per-CPU caches that they use, for one CPU
// (drivers/iommu/iova.c: struct iova_rcache and iova_magazine, Linux 7.2, and 6.1 where it differs):
// sections 7 and 9 of the specification.

public import IOVAAllocation

extension LinearWalkDomain {
    /// First pfn of the range; nil when the call returns 0.
    public mutating func allocateFast(
        size: UInt64, limit: UInt64, flushes: Bool
    ) throws(IOVAInputError) -> UInt64? {
        guard size > 0 else { throw .zeroSize }
        guard size <= 1 << 63 else { throw .sizeBeyondAlignment(size: size) }
        // Step 1.
        let size = size < 32 ? Self.powerOfTwo(atLeast: size) : size
        // Step 2. A cached 0 leaves the cache and counts as nothing.
        if let index = Self.cacheClass(size),
            let pfn = caches[index].pop(atMost: limit &+ 1 &- size), pfn != 0
        {
            return pfn
        }
        // Step 3.
        var found = try allocate(size: size, limit: limit, isAligned: true)
        // Step 4.
        if found == nil, flushes {
            flush()
            found = try allocate(size: size, limit: limit, isAligned: true)
        }
        return found == 0 ? nil : found
    }

    /// Gives back a range; `size` is what was asked for, not the rounded size.
    public mutating func freeFast(_ pfn: UInt64, size: UInt64) throws(IOVAInputError) {
        guard size > 0 else { throw .zeroSize }
        guard pfn != .max else { throw .freesSentinel }
        guard let index = Self.cacheClass(size) else {
            try free(pfn)
            return
        }
        let overflow = caches[index].push(pfn, depotMax: depotMax)
        overflow.forEach { removeRange(holding: $0) }
    }

    /// The 100 ms trimmer fires once. 6.1 has none.
    public mutating func tick() {
        guard depotMax == nil else { return }
        for index in caches.indices where caches[index].isArmed {
            caches[index].isArmed = false
            guard caches[index].depot.count > onlineCPUs, let newest = caches[index].depot.popLast() else {
                continue
            }
            newest.forEach { removeRange(holding: $0) }
            caches[index].isArmed = true
        }
    }

    /// Every cached range goes back to the tree.
    private mutating func flush() {
        for index in caches.indices {
            (caches[index].loaded + caches[index].previous).forEach { removeRange(holding: $0) }
            caches[index].loaded = []
            caches[index].previous = []
        }
        for index in caches.indices {
            caches[index].depot.joined().forEach { removeRange(holding: $0) }
            caches[index].depot = []
        }
    }

    /// ceil(log2 size), nil above the largest class.
    private static func cacheClass(_ size: UInt64) -> Int? {
        guard size <= 32 else { return nil }
        return UInt64.bitWidth - (size - 1).leadingZeroBitCount
    }
}

/// Stacks of freed ranges of one size.
struct MagazineClass: Sendable {
    /// Classes 0 ... 5: one page to 32.
    static let count = 6
    let magazineMax: Int

    var loaded: [UInt64] = []
    var previous: [UInt64] = []
    /// Full magazines, the newest last.
    var depot: [[UInt64]] = []
    /// Whether the trimmer will look at this class when it fires.
    var isArmed = false

    init(magazineMax: Int) { self.magazineMax = magazineMax }

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
        if loaded.count == magazineMax {
            if previous.count < magazineMax {
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
