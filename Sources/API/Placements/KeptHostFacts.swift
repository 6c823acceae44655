// The facts of stored platforms as hosts of placements, made once for each set of conditions: a fleet's hosts
// are asked about again and again, and a platform never changes. What was made of a replaced platform goes
// with it: the new one has another serial.

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
    /// hosts of a request are nearly always asked about under the same.
    struct Circumstances: Hashable {
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
            left.digest == right.digest && left.conditions == right.conditions
        }
    }

    private struct Key: Hashable {
        /// Of the entry; no other one ever has it.
        let serial: UInt64
        /// nil for every active device.
        let devices: [String]?
        let circumstances: Circumstances
    }

    private let state = Locked(Generations<Key, Made>(weightMax: Limits.hostFactsRangesMax))

    /// The facts of devices under conditions whose aperture is the host's; nil when `make` returns nil.
    func made(
        of entry: PlatformEntry, _ devices: [String]?, under circumstances: Circumstances,
        make: () -> Made?
    ) -> Made? {
        let key = Key(serial: entry.serial, devices: devices, circumstances: circumstances)
        if let kept = state.withLock({ $0.value(key) }) { return kept }
        guard let made = make() else { return nil }
        state.withLock { $0.keep(made, weight: made.ranges, under: key) }
        return made
    }

    /// Drops what was made of an entry that the service has no more.
    func forget(_ serial: UInt64) { state.withLock { $0.drop { $0.serial == serial } } }

    /// Sum of the ranges that are kept.
    var ranges: Int { state.withLock { $0.weight } }
}
