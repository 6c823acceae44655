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

    private struct Key: Hashable {
        /// Of the entry; no other one ever has it.
        let serial: UInt64
        /// nil for every active device.
        let devices: [String]?
        let conditions: Conditions
    }

    private let state = Locked(Generations<Key, Made>(weightMax: Limits.hostFactsRangesMax))

    /// The facts of devices under the conditions, whose aperture is the host's; nil when `make` returns nil.
    func made(
        of entry: PlatformEntry, _ devices: [String]?, under conditions: Conditions, make: () -> Made?
    ) -> Made? {
        let key = Key(serial: entry.serial, devices: devices, conditions: conditions.ofDevice)
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
