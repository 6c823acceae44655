// Devices of stored platforms, prepared once for each set of conditions that somebody asks under, and kept
// beside the platforms, which never change. Bounded: two generations, of which the older one is dropped when
// the younger is full; what is asked for again in time moves on to the younger.

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
        let entry: ObjectIdentifier
        let name: Name
        let conditions: Conditions
        let adoptsDriver: Bool
    }

    /// Keeps the platform's entry too, so that its identity names no other one meanwhile.
    private struct Kept {
        let entry: PlatformEntry
        let device: PreparedDevice

        var weight: Int { device.device.costRanges + (device.usable?.count ?? 0) }
    }

    private struct State {
        var young: [Key: Kept] = [:]
        var old: [Key: Kept] = [:]
        /// Ranges of the younger generation.
        var ranges = 0
    }

    private let state = Locked(State())

    /// The device prepared for the conditions; nil when `find` gives none.
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
            entry: ObjectIdentifier(entry), name: name, conditions: conditions.ofDevice,
            adoptsDriver: adoptsDriver)
        if let kept = kept(key), kept.includesDomain || !includesDomain { return kept }
        guard let device = find() else { return nil }
        let made = entry.platform.prepared(
            device, under: conditions, adoptsDriver: adoptsDriver, includesDomain: includesDomain)
        keep(Kept(entry: entry, device: made), under: key)
        return made
    }

    private func kept(_ key: Key) -> PreparedDevice? {
        state.withLock { state in
            if let kept = state.young[key] { return kept.device }
            guard let kept = state.old.removeValue(forKey: key) else { return nil }
            Self.insert(kept, under: key, &state)
            return kept.device
        }
    }

    private func keep(_ kept: Kept, under key: Key) {
        state.withLock { Self.insert(kept, under: key, &$0) }
    }

    private static func insert(_ kept: Kept, under key: Key, _ state: inout State) {
        if let before = state.young.updateValue(kept, forKey: key) {
            state.ranges -= before.weight
        }
        state.ranges += kept.weight
        guard state.ranges > Limits.preparedRangesMax / 2 else { return }
        state.old = state.young
        state.young = [:]
        state.ranges = 0
    }

    /// Devices that are kept.
    var count: Int { state.withLock { $0.young.count + $0.old.count } }
}

extension Device {
    /// Ranges that a survey or a placement looks at, with a share for the device itself.
    var costRanges: Int { 8 + firmwareRegions.count + pciWindows.count + inboundWindows.count }
}
