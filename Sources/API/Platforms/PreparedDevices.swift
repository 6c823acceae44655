// Devices of stored platforms, prepared once for each set of conditions in requests, and kept beside the
// platforms, which never change. Nothing here keeps a platform alive: what was prepared for a replaced one is
// never found again, and is dropped with its generation.

import Locking
import MSIWindows
import Machines

/// What is kept; every method is one critical section or two, and nothing is prepared inside one.
final class PreparedDevices: Sendable {
    /// What names a device on its platform.
    enum Name: Hashable {
        /// As a caller names it.
        case id(String)
        /// Its own id and kind: a bus and a device may share an id.
        case exact(String, Device.Kind)
    }

    private struct Key: Hashable {
        /// Of the entry; no other one ever has it.
        let serial: UInt64
        let name: Name
        let share: GroupShare
        let conditions: Conditions
        let adoptsDriver: Bool
    }

    private let state = Locked(Generations<Key, PreparedDevice>(weightMax: Limits.preparedRangesMax))

    /// The device prepared for the conditions; nil when `find` returns nil.
    ///
    /// - Parameters:
    ///   - share: of what its group reserves.
    ///   - adoptsDriver: false where the caller has said which driver it is.
    ///   - includesDomain: asks for a DMA domain to be set up with it.
    ///   - find: the device; called when it is not kept.
    func device(
        _ name: Name, of entry: PlatformEntry, _ share: GroupShare, under conditions: Conditions,
        adoptsDriver: Bool, includesDomain: Bool, find: () -> Device?
    ) -> PreparedDevice? {
        // Both are one where no group is shared.
        let share = entry.hasSharedGroups ? share : .own
        let key = Key(
            serial: entry.serial, name: name, share: share, conditions: conditions.ofDevice,
            adoptsDriver: adoptsDriver)
        if let kept = state.withLock({ $0.value(key) }), kept.includesDomain || !includesDomain {
            return kept
        }
        guard let device = find() else { return nil }
        let made = entry.platform.prepared(
            device.with(share), under: conditions, adoptsDriver: adoptsDriver,
            includesDomain: includesDomain)
        state.withLock { $0.keep(made, weight: Self.weight(of: made), under: key) }
        return made
    }

    private static func weight(of device: PreparedDevice) -> Int {
        device.source.costRanges + (device.conditions.iommuRegions?.count ?? 0)
    }

    /// Devices that are kept, and the sum of their regions, windows and ranges.
    var size: (devices: Int, ranges: Int) {
        state.withLock { ($0.count, $0.weight) }
    }
}

extension Device {
    /// Ranges that a survey or a placement looks at, with a share for the device itself.
    var costRanges: Int { 8 + rangeCount }
}
