// What a question has named so far beside the device that it asks about. A device joins a group once, and a
// group is attached once, under whichever of their names: a node and the member of a group that it is are one
// device, a node that is a bus and a device is two, and a group is attached with all of its devices.

import Machines

struct NamedDevices {
    private let entry: PlatformEntry?
    private let subject: Device?
    /// By the name that tells each from all others.
    private var devices: Set<String> = []
    /// Numbers of the groups that these are in.
    private var groups: Set<UInt64> = []
    /// Of those, the ones that were named as groups.
    private var wholeGroups: Set<UInt64> = []

    /// - Parameters:
    ///   - subject: the device that is asked about.
    ///   - entry: where devices are named.
    init(beside subject: Device?, on entry: PlatformEntry?) {
        self.entry = entry
        self.subject = subject
        guard let subject else { return }
        devices = [name(of: subject)]
        if let number = subject.groupNumber { groups = [number] }
    }

    private func name(of device: Device) -> String {
        device.sysfsName ?? entry?.askedID(of: device) ?? device.id
    }

    /// Has a device join the group that is asked about; why it cannot, where it is there already.
    mutating func join(_ device: Device) -> String? {
        guard let number = device.groupNumber else { return take(device) }
        if device.standsForGroup ? groups.contains(number) : wholeGroups.contains(number) {
            return isOfSubject(number) ? "is the device's own group, and not another device" : Self.isInGroup
        }
        return take(device)
    }

    /// Has a device's group be attached beside the one that is asked about; why it cannot, where it is.
    mutating func attach(_ device: Device) -> String? {
        guard let number = device.groupNumber, groups.contains(number) else { return take(device) }
        if let repeated = repeated(device) { return repeated }
        guard isOfSubject(number) else { return Self.isInGroup }
        return device.standsForGroup
            ? "is the device's own group, and not another device"
            : "is in the group of the device that is asked about"
    }

    private static let isInGroup = "is of a group that is named before"

    private func isOfSubject(_ number: UInt64) -> Bool { subject?.groupNumber == number }

    private func repeated(_ device: Device) -> String? {
        let name = name(of: device)
        guard devices.contains(name) else { return nil }
        return subject.map(self.name) == name ? "is the device that is asked about" : "is named before"
    }

    private mutating func take(_ device: Device) -> String? {
        if let repeated = repeated(device) { return repeated }
        devices.insert(name(of: device))
        if let number = device.groupNumber {
            groups.insert(number)
            if device.standsForGroup { wholeGroups.insert(number) }
        }
        return nil
    }
}
