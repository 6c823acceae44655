// Devices of stored platforms, prepared once for each set of conditions in requests, and kept beside the
// platforms, which never change. Members of an IOMMU group that are alike share one set. Nothing here keeps a
// platform alive, and what was prepared for one goes with it.

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
        /// Any member of a group of this class.
        indirect case alike(DeviceClass)
    }

    /// A class: the table compares keys, and takes a copy of a value for each comparison.
    private final class Key: Hashable, Sendable {
        /// Of the entry; no other one ever has it.
        let serial: UInt64
        private let name: Name
        private let share: GroupShare
        private let conditions: Conditions
        private let adoptsDriver: Bool

        init(
            _ serial: UInt64, _ name: Name, _ share: GroupShare, _ conditions: Conditions, adoptsDriver: Bool
        ) {
            self.serial = serial
            self.name = name
            self.share = share
            self.conditions = conditions
            self.adoptsDriver = adoptsDriver
        }

        static func == (left: Key, right: Key) -> Bool {
            left.serial == right.serial && left.share == right.share
                && left.adoptsDriver == right.adoptsDriver && left.name == right.name
                && left.conditions == right.conditions
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(serial)
            hasher.combine(name)
            conditions.hash(into: &hasher)
        }
    }

    private let state = Locked(Generations<Key, PreparedDevice>(weightMax: Limits.preparedRangesMax))

    /// The device prepared for the conditions; nil when `find` returns nil.
    ///
    /// - Parameters:
    ///   - share: of what its group reserves.
    ///   - adoptsDriver: false where the caller has said which driver it is.
    ///   - extras: what the answer has use for; what is kept has them from then on.
    ///   - find: the device; called when it is not kept under its name.
    func device(
        _ name: Name, of entry: PlatformEntry, _ share: GroupShare, under conditions: Conditions,
        adoptsDriver: Bool, including extras: PreparedDevice.Extras, find: () -> Device?
    ) -> PreparedDevice? {
        var (keyName, keyShare) = (name, GroupShare.own)
        var member: Device?
        if entry.hasGroups {
            guard let device = find() else { return nil }
            // Both shares are one where the group reserves nothing more.
            if device.sharesRegions { keyShare = share }
            if let alike = DeviceClass(device, keyShare) { keyName = .alike(alike) }
            member = device
        }
        let key = Key(entry.serial, keyName, keyShare, conditions.ofDevice, adoptsDriver: adoptsDriver)
        let kept = state.withLock { $0.value(key) }
        if let kept, kept.extras.isSuperset(of: extras) { return member.map(kept.as) ?? kept }
        guard let device = member ?? find() else { return nil }
        let made = entry.platform.prepared(
            device.with(share), under: conditions, adoptsDriver: adoptsDriver,
            including: kept.map { $0.extras.union(extras) } ?? extras)
        state.withLock { $0.keep(made, weight: Self.weight(of: made), under: key) }
        return made
    }

    /// Drops what was prepared for an entry that the service has no more.
    func forget(_ serial: UInt64) { state.withLock { $0.drop { $0.serial == serial } } }

    private static func weight(of device: PreparedDevice) -> Int {
        // What is kept of its window are sentences, about as much as the device itself.
        device.source.costRanges + (device.conditions.iommuRegions?.count ?? 0)
            + (device.extras.contains(.window) ? Device.costOfItself : 0)
    }

    /// Devices that are kept, and the sum of their regions, windows and ranges.
    var size: (devices: Int, ranges: Int) {
        state.withLock { ($0.count, $0.weight) }
    }
}

extension PreparedDevice {
    /// For the device, which is this one or one like it.
    fileprivate func `as`(_ device: Device) -> PreparedDevice {
        source.id == device.id && source.kind == device.kind ? self : serving(device)
    }
}

extension Device {
    /// Ranges that a survey or a placement looks at, with a share for the device itself.
    var costRanges: Int { Self.costOfItself + rangeCount }

    fileprivate static let costOfItself = 8
}

extension Sequence<Device> {
    /// Ranges that a survey or a placement of these devices looks at: alike members of a group share theirs.
    ///
    /// - Parameter more: that each of them has from the request.
    func costRanges(with more: Int) -> Int {
        var seen: Set<DeviceClass> = []
        return reduce(0) { sum, device in
            let isSeen = DeviceClass(device, .whole).map { !seen.insert($0).inserted } ?? false
            return sum + (isSeen ? Device.costOfItself : device.costRanges) + more
        }
    }
}
