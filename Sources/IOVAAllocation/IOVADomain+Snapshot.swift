// Out of a domain and into one again: the restored domain answers every later call as the first would have.
// A snapshot comes from a caller, so whatever contradicts itself is refused with its values. Also reading the
// held ranges from the middle, for lists that come in pages.

import LinuxReleases

extension IOVADomain {
    /// The whole state. O(n).
    public var snapshot: IOVASnapshot {
        var snapshot = IOVASnapshot(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs,
            ranges: Array(heldRanges), hint32: hint32.hi, hint64: hint64.hi, memo: memo)
        for order in caches.indices { snapshot.sizeClasses.append(caches[order].snapshot) }
        return snapshot
    }

    /// The domain that `snapshot` describes.
    ///
    /// - Throws: the first inconsistency.
    /// - Complexity: O(n log n).
    public init(restoring snapshot: IOVASnapshot) throws(IOVASnapshot.Fault) {
        precondition(snapshot.onlineCPUs > 0, "\(snapshot.onlineCPUs) CPUs online")
        self.init(
            granule: snapshot.granule, startPFN: snapshot.startPFN, release: snapshot.release,
            onlineCPUs: snapshot.onlineCPUs)
        memo = snapshot.memo
        try hold(snapshot.ranges)
        hint32 = try hint(.below4GiB, snapshot.hint32)
        hint64 = try hint(.full, snapshot.hint64)
        guard snapshot.sizeClasses.count == Self.cachedOrders else {
            throw .sizeClassCount(snapshot.sizeClasses.count, expected: Self.cachedOrders)
        }
        let depotMax = release.boundsDepots ? MagazineCache.depotMaxOn6_1 : Int.max
        for (order, sizeClass) in snapshot.sizeClasses.enumerated() {
            try Self.check(sizeClass, order, depotMax: depotMax)
            caches[order] = MagazineCache(sizeClass)
        }
        try checkParked()
    }

    private mutating func hold(_ ranges: [PageFrameRange]) throws(IOVASnapshot.Fault) {
        var above = RangeTree.Position.sentinel
        // From the top, as the tree likes it; places are told as they stand in the snapshot.
        for index in ranges.indices.reversed() {
            let range = ranges[index]
            guard range.lo <= range.hi else { throw .reversedRange(index: index, range) }
            guard range.hi < .max else { throw .rangeTooHigh(index: index, range) }
            if index > 0, ranges[index - 1].hi >= range.lo {
                throw .unorderedRange(index: index, range)
            }
            above = tree.insert(range, below: above)
        }
    }

    private func hint(
        _ name: AllocationStep.HintName, _ hi: UInt64
    ) throws(IOVASnapshot.Fault) -> Hint {
        let position = tree.position(at: hi)
        guard tree[position].hi == hi else { throw .danglingHint(name, hi: hi) }
        return Hint(hi: hi, position: position)
    }

    private static func check(
        _ sizeClass: IOVASnapshot.SizeClass, _ order: Int, depotMax: Int
    ) throws(IOVASnapshot.Fault) {
        let capacity = MagazineCache.magazineCapacity
        for magazine in [sizeClass.loaded, sizeClass.previous] where magazine.count > capacity {
            throw .magazineTooLong(order: order, count: magazine.count, capacity: capacity)
        }
        for magazine in sizeClass.depot where magazine.count != capacity {
            throw .partialMagazine(order: order, count: magazine.count, capacity: capacity)
        }
        guard sizeClass.depot.count <= depotMax else {
            throw .depotTooLong(order: order, count: sizeClass.depot.count, capacity: depotMax)
        }
    }

    /// Whatever is parked was handed out: it is held, once, with its whole size.
    private func checkParked() throws(IOVASnapshot.Fault) {
        var seen: Set<UInt64> = []
        for order in caches.indices {
            for pfn in caches[order].parked {
                guard let range = held(containing: pfn) else {
                    throw .parkedNotHeld(order: order, pfn: pfn)
                }
                guard range.hi - pfn >= (1 << UInt64(order)) - 1 else {
                    throw .parkedTooSmall(order: order, pfn: pfn)
                }
                guard seen.insert(range.hi).inserted else { throw .parkedTwice(order: order, pfn: pfn) }
            }
        }
    }

    /// The held ranges that end at or above `pfn`, ascending. O(log n) to begin, O(1) a step.
    public func heldRanges(endingAtOrAbove pfn: UInt64) -> HeldRanges {
        HeldRanges(tree: tree, start: tree.position(at: pfn))
    }
}

extension MagazineCache {
    var snapshot: IOVASnapshot.SizeClass {
        var sizeClass = IOVASnapshot.SizeClass()
        sizeClass.loaded = loaded
        sizeClass.previous = previous
        sizeClass.depot = depot
        sizeClass.isArmed = isArmed
        return sizeClass
    }
}
