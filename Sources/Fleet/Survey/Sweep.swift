// The sweep of SurveyConstants: goes through the bases in order and keeps the set of failing classes up
// to date, as a weight, a hash, and on the second pass as bits.

import AddressSpaces

struct Sweep {
    /// A class begins (or ceases) to fit at a base.
    private struct Event {
        let base: UInt64
        let index: Int
        let fits: Bool
    }

    /// Two independent words: equal sets have equal digests, and others by no accident worth the name.
    private struct Digest: Hashable {
        var high: UInt64 = 0
        var low: UInt64 = 0

        mutating func toggle(_ index: Int) {
            high ^= SplitMix64.mix(UInt64(index) &* 2 &+ 1)
            low ^= SplitMix64.mix(UInt64(index) &* 2 &+ 0x5851_f42d_4c95_7f2d)
        }
    }

    private let events: [Event]
    private let step: UInt64
    private let size: UInt64
    /// One past the last base below 4 GiB.
    private let end: UInt64

    init(_ survey: Survey) {
        step = survey.demand.alignment.bytes
        size = survey.demand.size
        end = IOVARange.below4GiB.last.value - (size - 1) + 1
        let step = step
        let size = size
        events = survey.classes.enumerated().flatMap { index, one in
            one.places.ranges.flatMap { range in
                [
                    Event(base: range.start.value, index: index, fits: true),
                    Event(base: range.last.value - (size - 1) + step, index: index, fits: false),
                ]
            }
        }.sorted { ($0.base, $0.index) < ($1.base, $1.index) }
    }

    /// Bases by the classes that they fail.
    func groups(of survey: Survey) -> [ConstantGroup] {
        let weights = survey.classes.map(\.devices)
        var groups: [ConstantGroup] = []
        var known: [Digest: Int] = [:]
        var digest = Digest()
        for index in weights.indices { digest.toggle(index) }
        var failing = [UInt64](repeating: 0, count: (weights.count + 63) / 64)
        for index in weights.indices { failing[index / 64] |= 1 << UInt64(index % 64) }
        var unfit = weights.reduce(0, +)
        var base = WindowDemand.lowestBase
        var next = 0
        while base < end {
            while next < events.count, events[next].base <= base {
                let event = events[next]
                digest.toggle(event.index)
                failing[event.index / 64] ^= 1 << UInt64(event.index % 64)
                unfit += event.fits ? -weights[event.index] : weights[event.index]
                next += 1
            }
            let until = next < events.count ? min(events[next].base, end) : end
            let bases = (until - base + step - 1) / step
            let range = IOVARange(proven: base, base + (bases - 1) * step + (size - 1))
            if let place = known[digest] {
                groups[place].ranges.append(range)
                groups[place].count += Int(bases)
            } else {
                known[digest] = groups.count
                groups.append(
                    ConstantGroup(ranges: [range], unfit: unfit, count: Int(bases), failing: failing))
            }
            base += bases * step
        }
        return groups
    }
}
