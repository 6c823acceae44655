// Which members of an IOMMU group are alike, so that what is worked out for one serves the others. A group of
// hundreds of functions has one list, and user space gets the group whole: what a kernel withholds from one
// member it withholds from all. Only ids, streams and what else tells functions apart are left out here; a
// field that is new in `Device` keeps devices apart until somebody says that it does not.

/// A member of a group without what tells it apart from others that are prepared alike. Equal values of one
/// machine mean that one prepared set serves.
///
/// Complexity: O(1) to make and, for members that share their lists, to compare.
public struct DeviceClass: Hashable, Sendable {
    private let share: GroupShare
    /// IOMMUs that firmware names for it.
    private let smmus: [String]
    private let device: Device

    /// nil for devices of which no group is known.
    ///
    /// - Parameter share: with whose reservations the device is prepared.
    public init?(_ device: Device, _ share: GroupShare) {
        guard device.groupNumber != nil else { return nil }
        self.share = share
        smmus = device.smmus
        var alike = device
        alike.id = ""
        alike.compatible = []
        alike.streams = []
        alike.msiControllers = []
        alike.requesterControllers = []
        alike.requesterMask = .max
        alike.nodeName = nil
        alike.sysfsName = nil
        alike.pciPath = []
        alike.hostBridge = nil
        // Of the whole group they are the same, whose share a member has; see `Device.with`.
        if share == .whole, !device.groupRegions.isEmpty { alike.firmwareRegions = [] }
        if share == .whole, !device.groupUnappliedRegions.isEmpty {
            alike.unappliedRegions.removeAll { $0.region != nil }
        }
        self.device = alike
    }

    /// Lists are compared, not hashed: those of one group are one value.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(share)
        hasher.combine(smmus)
        hasher.combine(device.groupNumber)
        hasher.combine(device.kind)
        hasher.combine(device.firmwareRegions.count)
        hasher.combine(device.firmwareRegions.first?.start)
        hasher.combine(device.unappliedRegions.first?.region?.start)
    }
}
