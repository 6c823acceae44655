// The cached level: freed ranges of small sizes are kept for quick reuse, in magazines for each size class.
// Mirrors drivers/iommu/iova.c: alloc_iova_fast, free_iova_fast and the rcaches that they use, Linux 7.2
// and 6.1; iova-allocator.md sections 7 and 9. A parked range stays held in the tree.

import LinuxReleases

extension IOVADomain {
    /// Sizes below this many pages are rounded up to a power of two.
    private static let roundedBelow: UInt64 = 32

    /// The pages that the cached level takes for `size`, which is at least 1.
    public static func cachedPages(for size: UInt64) -> UInt64 {
        size < roundedBelow ? 1 << UInt64(HoleRequest.order(of: size)) : size
    }

    /// Takes a cached range of the size class, or allocates aligned in the tree; the first page frame,
    /// nil for failure, which includes page frame 0.
    ///
    /// - Parameters:
    ///   - limit: last page frame, inclusive. Where `limit + 1 - size` wraps, any cached range is taken, also
    ///     above the limit: Linux's own behaviour.
    ///   - flushes: after a failure, empty the caches into the tree and try once more.
    /// - Complexity: O(1) from the cache, otherwise O(log n) amortised; a flush costs that for each range.
    public mutating func allocateFast(
        size: UInt64, limit: UInt64, flushes: Bool
    ) throws(IOVAInputError) -> UInt64? {
        var ignored = NoAllocationRecorder()
        return try allocateFast(size: size, limit: limit, flushes: flushes, recorder: &ignored)
    }

    /// As `allocateFast(size:limit:flushes:)`, recording each step.
    public mutating func allocateFast<R: AllocationRecorder>(
        size: UInt64, limit: UInt64, flushes: Bool, recorder: inout R
    ) throws(IOVAInputError) -> UInt64? {
        try Self.check(size: size, isAligned: true)
        let order = HoleRequest.order(of: size)
        let pages = Self.cachedPages(for: size)
        if pages != size { recorder.record(.sizeRounded(from: size, to: pages)) }
        if order < Self.cachedOrders, let pfn = popCached(order, limit &+ 1 &- pages, &recorder) {
            return pfn
        }
        return allocateUncached(pages, limit, flushes, &recorder)
    }

    @inline(never)
    private mutating func allocateUncached<R: AllocationRecorder>(
        _ pages: UInt64, _ limit: UInt64, _ flushes: Bool, _ recorder: inout R
    ) -> UInt64? {
        var pfn = allocateInTree(size: pages, limit: limit, isAligned: true, &recorder)
        if pfn == nil, flushes {
            flush(&recorder)
            pfn = allocateInTree(size: pages, limit: limit, isAligned: true, &recorder)
        }
        verify()
        return pfn == 0 ? nil : pfn
    }

    @inline(__always)
    private mutating func popCached<R: AllocationRecorder>(
        _ order: Int, _ highest: UInt64, _ recorder: inout R
    ) -> UInt64? {
        switch caches[order].pop(limit: highest) {
        case .hit(0):
            recorder.record(.cacheZero(order: order))
            return nil
        case .hit(let pfn):
            recorder.record(.cacheHit(order: order, pfn: pfn))
            return pfn
        case .empty:
            recorder.record(.cacheEmpty(order: order))
            return nil
        case .noneLowEnough:
            recorder.record(.cacheNoneLowEnough(order: order, highest: highest))
            return nil
        }
    }

    /// Returns every parked range to the tree: each class's magazines, then each class's depot.
    private mutating func flush<R: AllocationRecorder>(_ recorder: inout R) {
        var depots: [UInt64] = []
        var freed = 0
        var ignored = NoAllocationRecorder()
        for order in caches.indices {
            let (magazines, depot) = caches[order].drain()
            for pfn in magazines { _ = freeInTree(pfn, &ignored) }
            freed += magazines.count + depot.count
            depots += depot
        }
        for pfn in depots { _ = freeInTree(pfn, &ignored) }
        recorder.record(.flushed(ranges: freed))
    }

    /// Parks a range in its size class, or frees it when it is too large for one.
    ///
    /// - Parameters:
    ///   - pfn: its first page frame, as it was handed out.
    ///   - size: pages as they were asked for, not rounded.
    public mutating func freeFast(_ pfn: UInt64, size: UInt64) throws(IOVAInputError) {
        var ignored = NoAllocationRecorder()
        try freeFast(pfn, size: size, recorder: &ignored)
    }

    /// As `freeFast(_:size:)`, recording each step.
    public mutating func freeFast<R: AllocationRecorder>(
        _ pfn: UInt64, size: UInt64, recorder: inout R
    ) throws(IOVAInputError) {
        // A free aligns nothing, so any size above 0 will do.
        try Self.check(size: size, isAligned: false)
        if pfn == .max { throw .freesSentinel }
        let order = HoleRequest.order(of: size)
        guard order < Self.cachedOrders else {
            return freeUncached(pfn, &recorder)
        }
        recorder.record(.parked(order: order, pfn: pfn))
        if !caches[order].push(pfn) { parkSpilling(pfn, order, &recorder) }
        verify()
    }

    @inline(never)
    private mutating func parkSpilling<R: AllocationRecorder>(
        _ pfn: UInt64, _ order: Int, _ recorder: inout R
    ) {
        let depotMax = release.boundsDepots ? MagazineCache.boundedDepotMax : Int.max
        if let surplus = caches[order].pushSpilling(pfn, depotMax: depotMax) {
            freeMagazine(surplus, order, &recorder)
        }
    }

    @inline(never)
    private mutating func freeUncached<R: AllocationRecorder>(_ pfn: UInt64, _ recorder: inout R) {
        _ = freeInTree(pfn, &recorder)
        verify()
    }

    /// The trimmer of the depots fires once: 100 ms after a magazine went there. A bounded depot has none.
    public mutating func tick() {
        var ignored = NoAllocationRecorder()
        tick(recorder: &ignored)
    }

    /// As `tick()`, recording each step.
    public mutating func tick<R: AllocationRecorder>(recorder: inout R) {
        guard !release.boundsDepots else { return }
        for order in caches.indices {
            guard let magazine = caches[order].trim(onlineCPUs: onlineCPUs) else { continue }
            freeMagazine(magazine, order, &recorder)
        }
        verify()
    }

    private mutating func freeMagazine<R: AllocationRecorder>(
        _ magazine: [UInt64], _ order: Int, _ recorder: inout R
    ) {
        var ignored = NoAllocationRecorder()
        for pfn in magazine { _ = freeInTree(pfn, &ignored) }
        recorder.record(.magazineFreed(order: order, ranges: magazine.count))
    }
}

// Freed ranges of one size class, kept for quick reuse. Mirrors one CPU's part of `struct iova_rcache`
// (drivers/iommu/iova.c: __iova_rcache_get, __iova_rcache_insert, Linux 7.2, and 6.1 where it differs).
// A parked range stays held in the tree.

/// Two magazines, and the depot of full ones that back them.
struct MagazineCache: Sendable {
    /// Page frames a magazine takes (IOVA_MAG_SIZE).
    let capacity: Int
    /// Full magazines that a bounded depot takes (MAX_GLOBAL_MAGS).
    static let boundedDepotMax = 32

    /// First page frames, oldest first.
    private(set) var loaded: [UInt64] = []
    private(set) var previous: [UInt64] = []
    /// Full magazines, newest last.
    private(set) var depot: [[UInt64]] = []
    /// Whether the trimmer is to run.
    private(set) var isArmed = false

    init(capacity: Int) { self.capacity = capacity }

    /// A cache as it was. The caller has checked the lengths.
    init(_ sizeClass: IOVASnapshot.SizeClass, capacity: Int) {
        self.capacity = capacity
        loaded = sizeClass.loaded
        previous = sizeClass.previous
        depot = sizeClass.depot
        isArmed = sizeClass.isArmed
    }

    /// What became of a request.
    enum Pop {
        case hit(UInt64)
        /// No magazine has an entry.
        case empty
        /// The loaded magazine has entries, but none that ends low enough. Others are not searched.
        case noneLowEnough
    }

    /// Takes the newest entry of the loaded magazine that is at most `limit`; the newest of all fills its
    /// place.
    @inline(__always)
    mutating func pop(limit: UInt64) -> Pop {
        if let newest = loaded.last, newest <= limit {
            loaded.removeLast()
            return .hit(newest)
        }
        return popOther(limit: limit)
    }

    @inline(never)
    private mutating func popOther(limit: UInt64) -> Pop {
        if loaded.isEmpty {
            if !previous.isEmpty {
                swap(&loaded, &previous)
            } else if let magazine = depot.popLast() {
                loaded = magazine
            } else {
                return .empty
            }
        }
        guard let index = loaded.lastIndex(where: { $0 <= limit }) else { return .noneLowEnough }
        let pfn = loaded[index]
        let newest = loaded.removeLast()
        if index < loaded.count { loaded[index] = newest }
        return .hit(pfn)
    }

    /// Parks an entry, while the loaded magazine has room.
    @inline(__always)
    mutating func push(_ pfn: UInt64) -> Bool {
        guard loaded.count < capacity else { return false }
        loaded.append(pfn)
        return true
    }

    /// Parks an entry beside a full magazine. With both full, the loaded one goes to the depot, which arms
    /// the trimmer; a depot at `depotMax` returns it instead, for its ranges to be freed.
    mutating func pushSpilling(_ pfn: UInt64, depotMax: Int) -> [UInt64]? {
        var surplus: [UInt64]?
        if previous.count < capacity {
            swap(&loaded, &previous)
        } else {
            if depot.count < depotMax {
                depot.append(loaded)
                isArmed = true
            } else {
                surplus = loaded
            }
            loaded = []
            loaded.reserveCapacity(capacity)
        }
        loaded.append(pfn)
        return surplus
    }

    /// Empties everything; the entries in the order in which they are freed.
    mutating func drain() -> (magazines: [UInt64], depot: [UInt64]) {
        let result = (loaded + previous, depot.reversed().flatMap { $0 })
        loaded.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        depot.removeAll()
        return result
    }

    /// The trimmer's turn: the newest full magazine when the depot holds more than `onlineCPUs` of them,
    /// otherwise it rests until armed again.
    mutating func trim(onlineCPUs: Int) -> [UInt64]? {
        guard isArmed else { return nil }
        guard depot.count > onlineCPUs else {
            isArmed = false
            return nil
        }
        return depot.popLast()
    }

    /// Every parked page frame, in no promised order.
    var parked: [UInt64] { loaded + previous + depot.flatMap { $0 } }
}
