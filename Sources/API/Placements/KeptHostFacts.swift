// The facts of stored platforms as hosts of placements, made once for each set of conditions: a fleet's hosts
// are asked about again and again, and a platform never changes. Platforms of one kind of machine share one
// object, by which placements know them for alike. What was made of a replaced platform goes with it: the new
// one has another serial.

import Fleet
import Locking
import MSIWindows

/// Facts that are kept between requests; every method is one critical section, and nothing is made in one.
final class KeptHostFacts: Sendable {
    /// Facts of a host without options, and what they count against `Limits.placementObstaclesMax`.
    struct Made: Sendable {
        let facts: HostFacts
        let ranges: Int
    }

    /// What facts depend on beside the platform, with its hash, which takes a thousand instructions: the
    /// hosts of a request are nearly always asked about under the same. A class: each host has a key with it.
    final class Circumstances: Hashable, Sendable {
        private let conditions: Conditions
        private let digest: Int

        init(_ stated: Conditions) {
            conditions = stated.ofDevice
            var hasher = Hasher()
            hasher.combine(conditions)
            digest = hasher.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(digest) }

        static func == (left: Circumstances, right: Circumstances) -> Bool {
            left === right || left.digest == right.digest && left.conditions == right.conditions
        }
    }

    private struct Key: Hashable {
        /// Of the entry; no other one ever has it.
        let serial: UInt64
        /// nil for every active device.
        let devices: [String]?
        let circumstances: Circumstances
    }

    /// Facts by their content, with its hash, which is taken outside the lock.
    private struct Kind: Hashable {
        let facts: HostFacts
        private let digest: Int

        init(_ facts: HostFacts) {
            self.facts = facts
            var hasher = Hasher()
            hasher.combine(facts)
            digest = hasher.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(digest) }

        static func == (left: Kind, right: Kind) -> Bool {
            left.digest == right.digest && left.facts == right.facts
        }
    }

    private struct State {
        var made = Generations<Key, Made>(weightMax: Limits.hostFactsRangesMax - kindsRangesMax)
        /// Of each kind of host the facts that all share. They outlive the platforms that they were made of.
        var kinds = Generations<Kind, HostFacts>(weightMax: kindsRangesMax)
        /// Those that were asked about, the latest last: of one content one object, as far as they reach.
        var circumstances: [Circumstances] = []

        /// Facts equal to these that others have already, or else these.
        mutating func shared(_ kind: Kind, ranges: Int) -> HostFacts {
            if let facts = kinds.value(kind) { return facts }
            kinds.keep(kind.facts, weight: ranges, under: kind)
            return kind.facts
        }
    }

    /// What of `Limits.hostFactsRangesMax` is for kinds: a fleet has a few.
    private static let kindsRangesMax = Limits.hostFactsRangesMax / 8
    private static let circumstancesMax = 8

    private let state = Locked(State())

    /// Circumstances of these conditions: the same object as before where they were asked about lately, which
    /// keys are compared by first.
    func circumstances(_ conditions: Conditions) -> Circumstances {
        let made = Circumstances(conditions)
        return state.withLock { state in
            if let known = state.circumstances.first(where: { $0 == made }) { return known }
            if state.circumstances.count == Self.circumstancesMax { state.circumstances.removeFirst() }
            state.circumstances.append(made)
            return made
        }
    }

    /// The facts of devices under conditions whose aperture is the host's; nil where none are kept.
    func made(
        of entry: PlatformEntry, _ devices: [String]?, under circumstances: Circumstances
    ) -> Made? {
        let key = Key(serial: entry.serial, devices: devices, circumstances: circumstances)
        return state.withLock { $0.made.value(key) }
    }

    /// Keeps them. Returns them as all hosts of this kind have them.
    func keep(
        _ own: Made, of entry: PlatformEntry, _ devices: [String]?, under circumstances: Circumstances
    ) -> Made {
        let key = Key(serial: entry.serial, devices: devices, circumstances: circumstances)
        let kind = Kind(own.facts)
        return state.withLock { state in
            let made = Made(facts: state.shared(kind, ranges: own.ranges), ranges: own.ranges)
            state.made.keep(made, weight: made.ranges, under: key)
            return made
        }
    }

    /// Drops what was made of an entry that the service has no more.
    func forget(_ serial: UInt64) { state.withLock { $0.made.drop { $0.serial == serial } } }

    /// Sums of the ranges that are kept: those that go with their platforms, and those of kinds of hosts.
    var ranges: (ofPlatforms: Int, ofKinds: Int) {
        state.withLock { ($0.made.weight, $0.kinds.weight) }
    }
}
