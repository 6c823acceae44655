// Freed ranges of one size class, kept for quick reuse. Mirrors one CPU's part of `struct iova_rcache`
// (drivers/iommu/iova.c: __iova_rcache_get, __iova_rcache_insert, Linux 7.2, and 6.1 where it differs).
// A parked range stays held in the tree.

/// Two magazines and the depot of full ones behind them.
struct MagazineCache: Sendable {
    /// Page frames a magazine takes (IOVA_MAG_SIZE).
    static let magazineCapacity = 127
    /// Full magazines that the depot of 6.1 takes (MAX_GLOBAL_MAGS).
    static let depotMaxOn6_1 = 32

    /// First page frames, oldest first.
    private(set) var loaded: [UInt64] = []
    private(set) var previous: [UInt64] = []
    /// Full magazines, newest last.
    private(set) var depot: [[UInt64]] = []
    /// Whether the trimmer is to run.
    private(set) var isArmed = false

    init() {}

    /// A cache as it was. The caller has checked the lengths.
    init(_ sizeClass: IOVASnapshot.SizeClass) {
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

    /// Parks an entry. With both magazines full, the loaded one goes to the depot, which arms the trimmer;
    /// a depot at `depotMax` returns it instead, for its ranges to be freed.
    @inline(__always)
    mutating func push(_ pfn: UInt64, depotMax: Int) -> [UInt64]? {
        if loaded.count < Self.magazineCapacity {
            loaded.append(pfn)
            return nil
        }
        return pushSpilling(pfn, depotMax: depotMax)
    }

    @inline(never)
    private mutating func pushSpilling(_ pfn: UInt64, depotMax: Int) -> [UInt64]? {
        var surplus: [UInt64]?
        if previous.count < Self.magazineCapacity {
            swap(&loaded, &previous)
        } else {
            if depot.count < depotMax {
                depot.append(loaded)
                isArmed = true
            } else {
                surplus = loaded
            }
            loaded = []
            loaded.reserveCapacity(Self.magazineCapacity)
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
