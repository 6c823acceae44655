// Devices of stored platforms, prepared once for each set of conditions in requests, and kept beside the
// platforms, which never change. Bounded: two generations, of which the older one is dropped when the younger
// is full; a device that is used again in time moves to the younger. Nothing here keeps a platform alive:
// what was prepared for a replaced one is never found again, and is dropped with its generation.

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
        let conditions: Conditions
        let adoptsDriver: Bool
    }

    private struct State {
        var young: [Key: PreparedDevice] = [:]
        var old: [Key: PreparedDevice] = [:]
        /// Ranges of the younger generation.
        var ranges = 0
    }

    private let state = Locked(State())

    /// The device prepared for the conditions; nil when `find` returns nil.
    ///
    /// - Parameters:
    ///   - adoptsDriver: false where the caller has said which driver it is.
    ///   - includesDomain: asks for a DMA domain to be set up with it.
    ///   - find: the device; called when it is not kept.
    func device(
        _ name: Name, of entry: PlatformEntry, under conditions: Conditions, adoptsDriver: Bool,
        includesDomain: Bool, find: () -> Device?
    ) -> PreparedDevice? {
        let key = Key(
            serial: entry.serial, name: name, conditions: conditions.ofDevice,
            adoptsDriver: adoptsDriver)
        if let kept = kept(key), kept.includesDomain || !includesDomain { return kept }
        guard let device = find() else { return nil }
        let made = entry.platform.prepared(
            device, under: conditions, adoptsDriver: adoptsDriver, includesDomain: includesDomain)
        keep(made, under: key)
        return made
    }

    private func kept(_ key: Key) -> PreparedDevice? {
        state.withLock { state in
            if let kept = state.young[key] { return kept }
            guard let kept = state.old.removeValue(forKey: key) else { return nil }
            Self.insert(kept, under: key, &state)
            return kept
        }
    }

    private func keep(_ device: PreparedDevice, under key: Key) {
        state.withLock { Self.insert(device, under: key, &$0) }
    }

    /// Each generation has room for half of what may be kept; a device that would fill more is not kept.
    private static func insert(_ device: PreparedDevice, under key: Key, _ state: inout State) {
        let roomMax = Limits.preparedRangesMax / 2
        let weight = weight(of: device)
        guard weight <= roomMax else { return }
        if let before = state.young.removeValue(forKey: key) { state.ranges -= Self.weight(of: before) }
        if state.ranges + weight > roomMax {
            state.old = state.young
            state.young = [:]
            state.ranges = 0
        }
        state.young[key] = device
        state.ranges += weight
    }

    private static func weight(of device: PreparedDevice) -> Int {
        device.source.costRanges + (device.conditions.iommuRegions?.count ?? 0)
    }

    /// Devices that are kept, and the sum of their regions, windows and ranges.
    var size: (devices: Int, ranges: Int) {
        state.withLock { state in
            let old = state.old.values.reduce(0) { $0 + Self.weight(of: $1) }
            return (state.young.count + state.old.count, state.ranges + old)
        }
    }
}

extension Device {
    /// Ranges that a survey or a placement looks at, with a share for the device itself.
    var costRanges: Int { 8 + rangeCount }
}
