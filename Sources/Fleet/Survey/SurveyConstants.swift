// Which constants serve the most devices. A sweep over the bases at which any class of devices begins or
// ends to fit; bases that fail the same devices are one group. O(n log n) in the free ranges; pairs are
// searched among the best groups only.

public import AddressSpaces
import MSIWindows

/// A group of constants.
public struct ConstantGroup: Sendable {
    /// Ranges from the first base to the last byte of the last window, ascending; bases are aligned.
    public internal(set) var ranges: [IOVARange]
    /// Devices for which a window at these bases does not fit.
    public internal(set) var unfit: Int
    /// Bases in the group.
    public internal(set) var count: Int
    /// Classes of devices that fail, as bits.
    var failing: [UInt64] = []

    /// The lowest base.
    public var lowest: UInt64 { ranges[0].start.value }

    /// Whether a window at `base` belongs to the group.
    public func contains(base: UInt64, size: UInt64) -> Bool {
        guard let window = IOVARange(start: IOVA(base), size: size) else { return false }
        return ranges.contains { $0.contains(window) }
    }
}

/// Two constants of which the driver takes the one that fits.
public struct ConstantPair: Sendable {
    public var first: ConstantGroup
    public var second: ConstantGroup
    /// Devices for which neither fits.
    public var unfit: Int
}

/// The result of a survey.
public struct SurveyConstants: Sendable {
    /// By unfit devices, then by lowest base.
    public var groups: [ConstantGroup]
    /// Groups that were found, of which `groups` are the best.
    public var groupCount: Int
    public var pairs: [ConstantPair]
    /// The best constant beside mainline's.
    public var partnerOfDefault: ConstantPair?
    /// Free in the memory maps of all usual VMMs.
    public var guestFree: IOVASet
    /// Platforms that each of the best groups fails, in the order of `groups`.
    public var failingPlatforms: [[String]]

    /// For each 64 MiB below 4 GiB: the fewest devices that any base there fails.
    public var fewestUnfit: [Int]

    /// Bases that fit every device.
    public var universal: [IOVARange] { groups.first.map { $0.unfit == 0 ? $0.ranges : [] } ?? [] }
}

extension Survey {
    /// Groups among which pairs are searched, at most.
    public static let groupsMax = 512
    /// Pairs that are listed.
    public static let pairsMax = 8

    /// Evaluates what was added so far.
    public func constants() -> SurveyConstants {
        let sweep = Sweep(self)
        var groups = sweep.groups(of: self)
        let total = groups.count
        let fewestUnfit = cells(groups)
        groups.sort { ($0.unfit, $0.lowest) < ($1.unfit, $1.lowest) }
        let size = demand.size
        let own = groups.first { $0.contains(base: WindowSource.mainlineBase, size: size) }
        let words = max(1, (classes.count + 63) / 64)
        let kept = max(2, min(Self.groupsMax, Int((40_000_000 / Double(words)).squareRoot())))
        groups = Array(groups.prefix(kept))
        let weights = classes.map(\.devices)
        return SurveyConstants(
            groups: groups, groupCount: total, pairs: Self.bestPairs(groups, weights),
            partnerOfDefault: own.flatMap { Self.bestPartner(of: $0, groups, weights) },
            guestFree: Self.guestFree(), failingPlatforms: groups.prefix(16).map { platforms(failing: $0) },
            fewestUnfit: fewestUnfit)
    }

    /// Size of a cell of `fewestUnfit`, as a power of two.
    private static let cellShift: UInt64 = 26
    package static let cellBytes: UInt64 = 1 << cellShift

    /// The cell that an address lies in.
    package static func cell(of address: UInt64) -> Int { Int(address >> cellShift) }

    private func cells(_ groups: [ConstantGroup]) -> [Int] {
        var fewest = [Int](
            repeating: deviceCount, count: Self.cell(of: IOVARange.below4GiB.last.value) + 1)
        for group in groups {
            for range in group.ranges {
                let last = Self.cell(of: range.last.value - (demand.size - 1))
                for cell in Self.cell(of: range.start.value)...last {
                    fewest[cell] = min(fewest[cell], group.unfit)
                }
            }
        }
        return fewest
    }

    /// Free in the strict maps of the usual VMMs with 64 GiB guests.
    static func guestFree() -> IOVASet {
        let occupied = VMM.allCases.filter(\.profile.isUsual).flatMap { vmm -> [IOVARange] in
            guard let map = try? vmm.map(VMShape(ram: 64 << 30)) else { return [] }
            return map.occupied(peerToPeer: true).map(\.range)
        }
        return IOVASet(occupied).complement()
    }

    private func platforms(failing group: ConstantGroup) -> [String] {
        var found: [String] = []
        var seen: Set<String> = []
        for (index, one) in classes.enumerated() where group.failing.hasBit(index) {
            for platform in one.platforms where seen.insert(platform).inserted { found.append(platform) }
        }
        return found.sorted()
    }

    private static func bestPairs(_ groups: [ConstantGroup], _ weights: [Int]) -> [ConstantPair] {
        var best: [(unfit: Int, first: Int, second: Int)] = []
        for first in groups.indices {
            for second in groups.indices.dropFirst(first + 1) {
                let limit = best.count < pairsMax ? Int.max : best[best.count - 1].unfit
                let unfit = groups[first].failing.sharedWeight(groups[second].failing, weights, below: limit)
                guard unfit < limit else { continue }
                // Kept by unfit devices; at equal numbers the earlier pair stays ahead.
                let place = best.firstIndex { $0.unfit > unfit } ?? best.count
                best.insert((unfit, first, second), at: place)
                if best.count > pairsMax { best.removeLast() }
            }
        }
        return best.map { ConstantPair(first: groups[$0.first], second: groups[$0.second], unfit: $0.unfit) }
    }

    private static func bestPartner(
        of own: ConstantGroup, _ groups: [ConstantGroup], _ weights: [Int]
    ) -> ConstantPair? {
        var best: ConstantPair?
        for group in groups where group.lowest != own.lowest {
            let limit = best?.unfit ?? .max
            let unfit = own.failing.sharedWeight(group.failing, weights, below: limit)
            if unfit < limit { best = ConstantPair(first: own, second: group, unfit: unfit) }
        }
        return best
    }
}

extension [UInt64] {
    func hasBit(_ index: Int) -> Bool { self[index / 64] & (1 << UInt64(index % 64)) != 0 }

    /// Sum of the weights of the bits in both; stops once it reaches `limit`.
    fileprivate func sharedWeight(_ other: Self, _ weights: [Int], below limit: Int) -> Int {
        var sum = 0
        for word in indices {
            var both = self[word] & other[word]
            while both != 0 {
                sum += weights[word * 64 + both.trailingZeroBitCount]
                both &= both - 1
            }
            if sum >= limit { return limit }
        }
        return sum
    }
}
