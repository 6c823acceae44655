// Which constants serve the most devices, from what a survey has added up for each. Bases that fail the same
// devices are one group; pairs are searched among the best groups only. The time does not depend on how many
// hosts there are.

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
    /// Hosts with such a device, and the first of them.
    public internal(set) var failingHosts: NamedHosts
    /// Kinds of devices that fail, as bits, where each is kept.
    var failing: [UInt64] = []
    /// The first of its bases that pairs have, where kinds are not kept.
    var gridPlace: Int?

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
    /// Where the fleet has more kinds of devices than are kept: pairs are searched among the groups with a
    /// multiple of this. nil where they are searched among all.
    public var pairStep: UInt64?
    /// Free in the memory maps of all usual VMMs.
    public var guestFree: IOVASet

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
        let sums = sweep.failures
        var groups = groups(sums)
        let total = groups.count
        groups.sort { ($0.unfit, $0.lowest) < ($1.unfit, $1.lowest) }
        let size = demand.size
        var own = groups.first { $0.contains(base: WindowSource.mainlineBase, size: size) }
        groups = Array(groups.prefix(Self.groupsMax))
        let search: PairSearch
        if sums.pairs == nil {
            let kinds = sweep.kinds.sorted { $0.key < $1.key }
            let gaps = kinds.map(\.key.gaps)
            for index in groups.indices { groups[index].failing = Self.failing(groups[index], gaps) }
            if let group = own { own?.failing = Self.failing(group, gaps) }
            search = .kinds(weights: kinds.map(\.value))
        } else {
            search = .sums(sums)
        }
        return SurveyConstants(
            groups: groups, groupCount: total, pairs: search.bestPairs(groups),
            partnerOfDefault: own.flatMap { search.bestPartner(of: $0, groups) },
            pairStep: sums.pairs == nil ? nil : ConstantSums.pairStep, guestFree: Self.guestFree(),
            fewestUnfit: fewestUnfit(sums))
    }

    /// Bases by the devices that they fail, ascending by the lowest.
    private func groups(_ sums: ConstantSums) -> [ConstantGroup] {
        struct Failure: Hashable {
            let unfit: Int
            let mark: UInt64
        }
        var groups: [ConstantGroup] = []
        var known: [Failure: Int] = [:]
        var previous = -1
        for number in WindowBases.numbers {
            let start = WindowBases.base(number)
            let window = IOVARange(proven: start, start + (demand.size - 1))
            let failure = Failure(unfit: sums.unfit[number], mark: sums.marks[number])
            guard let place = known[failure] else {
                previous = groups.count
                known[failure] = previous
                groups.append(
                    ConstantGroup(
                        ranges: [window], unfit: failure.unfit, count: 1,
                        failingHosts: sweep.failingHosts[number], gridPlace: ConstantSums.gridPlace(number)))
                continue
            }
            if place == previous, let last = groups[place].ranges.last {
                groups[place].ranges[groups[place].ranges.count - 1] = last.hull(window)
            } else {
                groups[place].ranges.append(window)
            }
            previous = place
            groups[place].count += 1
            groups[place].gridPlace = groups[place].gridPlace ?? ConstantSums.gridPlace(number)
        }
        return groups
    }

    private static func failing(_ group: ConstantGroup, _ gaps: [[ClosedRange<Int>]]) -> [UInt64] {
        let number = WindowBases.number(of: group.lowest) ?? 0
        var bits = [UInt64](repeating: 0, count: (gaps.count + 63) / 64)
        for (kind, gaps) in gaps.enumerated() where gaps.contains(where: { $0.contains(number) }) {
            bits[kind / 64] |= 1 << UInt64(kind % 64)
        }
        return bits
    }

    /// Size of a cell of `fewestUnfit`, as a power of two.
    private static let cellShift: UInt64 = 26
    package static let cellBytes: UInt64 = 1 << cellShift

    /// The cell that an address lies in.
    package static func cell(of address: UInt64) -> Int { Int(address >> cellShift) }

    private func fewestUnfit(_ sums: ConstantSums) -> [Int] {
        var fewest = [Int](
            repeating: deviceCount, count: Self.cell(of: IOVARange.below4GiB.last.value) + 1)
        for number in WindowBases.numbers {
            let cell = Self.cell(of: WindowBases.base(number))
            fewest[cell] = min(fewest[cell], sums.unfit[number])
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
}

/// How many devices fail with both of two constants: from the kinds of devices, or from sums.
private enum PairSearch {
    case kinds(weights: [Int])
    case sums(ConstantSums)

    /// nil where that was not added up; `limit` or more where it is not less.
    private func unfit(_ one: ConstantGroup, _ other: ConstantGroup, below limit: Int) -> Int? {
        switch self {
        case .kinds(let weights): one.failing.sharedWeight(other.failing, weights, below: limit)
        case .sums(let sums):
            if let first = one.gridPlace, let second = other.gridPlace {
                sums.unfit(atBoth: first, second)
            } else {
                nil
            }
        }
    }

    func bestPairs(_ groups: [ConstantGroup]) -> [ConstantPair] {
        var best: [(unfit: Int, first: Int, second: Int)] = []
        for first in groups.indices {
            for second in groups.indices.dropFirst(first + 1) {
                let limit = best.count < Survey.pairsMax ? Int.max : best[best.count - 1].unfit
                guard let unfit = unfit(groups[first], groups[second], below: limit), unfit < limit else {
                    continue
                }
                // Kept by unfit devices; at equal numbers the earlier pair stays ahead.
                let place = best.firstIndex { $0.unfit > unfit } ?? best.count
                best.insert((unfit, first, second), at: place)
                if best.count > Survey.pairsMax { best.removeLast() }
            }
        }
        return best.map { ConstantPair(first: groups[$0.first], second: groups[$0.second], unfit: $0.unfit) }
    }

    func bestPartner(of own: ConstantGroup, _ groups: [ConstantGroup]) -> ConstantPair? {
        var best: ConstantPair?
        for group in groups where group.lowest != own.lowest {
            let limit = best?.unfit ?? .max
            guard let unfit = unfit(own, group, below: limit), unfit < limit else { continue }
            best = ConstantPair(first: own, second: group, unfit: unfit)
        }
        return best
    }
}

extension [UInt64] {
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
