// What a survey adds up for every constant: how many devices and hosts it fails. Devices with equal places
// for a window are one kind. As long as the kinds are few each is kept with its count; where a fleet has
// more of them, they are added up base by base, which takes the same room for any fleet. Sums of parts are
// the sums of the whole.

import AddressSpaces

/// The constants against the devices and hosts added so far.
package struct ConstantSweep: Sendable {
    /// Kinds of devices that are kept one by one.
    package static let kindsMax = 4_096
    /// Hosts that are named for each base.
    package static let namesMax = 16

    /// Devices by their places. With `sums` only those that are not yet in them.
    package private(set) var kinds: [WindowBases: Int] = [:]
    /// Once there were more kinds than `kindsMax`.
    private var sums: ConstantSums?
    /// Hosts with a device that fails, by the number of the base.
    package private(set) var failingHosts =
        [NamedHosts](
            repeating: NamedHosts(namesMax: namesMax), count: WindowBases.numbers.upperBound + 1)

    init() {}

    /// As it was written down: `sums` and no kinds, or kinds and no sums.
    package init?(
        kinds: [(places: WindowBases, devices: Int)], sums: ConstantSums?,
        failingHosts runs: [(numbers: ClosedRange<Int>, hosts: NamedHosts)]
    ) {
        guard kinds.count <= Self.kindsMax, sums == nil || kinds.isEmpty else { return nil }
        for kind in kinds where self.kinds.updateValue(kind.devices, forKey: kind.places) != nil {
            return nil
        }
        self.sums = sums
        for run in runs {
            for number in run.numbers { failingHosts[number] = run.hosts }
        }
    }

    mutating func add(_ places: WindowBases, devices: Int) {
        kinds[places, default: 0] += devices
        if kinds.count > Self.kindsMax { spill() }
    }

    /// - Parameter failing: bases at which one of its devices fails.
    mutating func add(host: HostName, failing: BaseBits) {
        failing.forEach { failingHosts[$0].add(host) }
    }

    mutating func merge(_ other: Self) {
        if let theirs = other.sums {
            spill()
            sums?.merge(theirs)
        }
        for (places, devices) in other.kinds { add(places, devices: devices) }
        for number in WindowBases.numbers { failingHosts[number].merge(other.failingHosts[number]) }
    }

    private mutating func spill() {
        var sums = sums ?? ConstantSums(hasPairs: true)
        for (places, devices) in kinds { sums.add(places, devices: devices) }
        kinds = [:]
        self.sums = sums
    }

    /// The sums where kinds are not kept one by one, and nil where they are.
    package var allSums: ConstantSums? {
        guard sums != nil else { return nil }
        var all = self
        all.spill()
        return all.sums
    }

    /// Of each base, whether kinds are kept or not.
    var failures: ConstantSums {
        if let allSums { return allSums }
        var sums = ConstantSums(hasPairs: false)
        for (places, devices) in kinds { sums.add(places, devices: devices) }
        return sums
    }

    /// Bases with the same hosts as one run; those that fail none are left out.
    package var hostRuns: [(numbers: ClosedRange<Int>, hosts: NamedHosts)] {
        var runs: [(numbers: ClosedRange<Int>, hosts: NamedHosts)] = []
        for number in WindowBases.numbers where failingHosts[number].count > 0 {
            let hosts = failingHosts[number]
            if let last = runs.last, last.numbers.upperBound == number - 1, last.hosts == hosts {
                runs[runs.count - 1].numbers = last.numbers.lowerBound...number
            } else {
                runs.append((number...number, hosts))
            }
        }
        return runs
    }
}

/// Sums over devices, for each base and for some pairs of bases.
package struct ConstantSums: Sendable, Equatable {
    /// The bases of pairs are multiples of this: their number is the square of that of bases.
    package static let pairStep: UInt64 = 16 << 20
    private static let stepNumbers = Int(pairStep >> Granule.mib1.shift)
    /// Bases of pairs.
    package static let gridCount = WindowBases.numbers.upperBound / stepNumbers
    package static let pairCount = gridCount * (gridCount - 1) / 2

    /// Devices that fail, by the number of the base; 0 has none.
    package private(set) var unfit = [Int](repeating: 0, count: WindowBases.numbers.upperBound + 1)
    /// The sum of the digests of those devices: where it is equal, the same devices fail.
    package private(set) var marks = [UInt64](repeating: 0, count: WindowBases.numbers.upperBound + 1)
    /// Devices that fail at both bases of a pair, in the order of `pair(_:_:)`.
    package private(set) var pairs: [Int]?

    init(hasPairs: Bool) {
        pairs = hasPairs ? [Int](repeating: 0, count: Self.pairCount) : nil
    }

    /// As it was written down; nil for lists of another length.
    package init?(unfit: [Int], marks: [UInt64], pairs: [Int]) {
        guard unfit.count == self.unfit.count, marks.count == self.marks.count, pairs.count == Self.pairCount
        else { return nil }
        (self.unfit, self.marks, self.pairs) = (unfit, marks, pairs)
    }

    /// Which of the bases of pairs a number is, from 0; nil for others.
    static func gridPlace(_ number: Int) -> Int? {
        number > 0 && number.isMultiple(of: stepNumbers) ? number / stepNumbers - 1 : nil
    }

    private static func pair(_ one: Int, _ other: Int) -> Int {
        let (low, high) = (min(one, other), max(one, other))
        return high * (high - 1) / 2 + low
    }

    /// Devices that fail at two different bases of pairs.
    func unfit(atBoth one: Int, _ other: Int) -> Int { pairs?[Self.pair(one, other)] ?? 0 }

    mutating func add(_ places: WindowBases, devices: Int) {
        let mark = places.digest &* UInt64(devices)
        var grid: [Int] = []
        for gap in places.gaps {
            for number in gap {
                unfit[number] += devices
                marks[number] &+= mark
            }
            guard pairs != nil else { continue }
            let first = (gap.lowerBound + Self.stepNumbers - 1) / Self.stepNumbers
            let last = gap.upperBound / Self.stepNumbers
            if first <= last { grid += first - 1...last - 1 }
        }
        for (count, high) in grid.enumerated() where count > 0 {
            let row = high * (high - 1) / 2
            for low in grid[..<count] { pairs![row + low] += devices }
        }
    }

    mutating func merge(_ other: Self) {
        for number in WindowBases.numbers {
            unfit[number] += other.unfit[number]
            marks[number] &+= other.marks[number]
        }
        guard let theirs = other.pairs else { return }
        for place in theirs.indices { pairs![place] += theirs[place] }
    }
}
