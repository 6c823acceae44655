// Which devices are in one IOMMU group, as sysfs says, in the order in which Linux finds them on its buses.
// What of the group's list is whose is a fact of each device; here it becomes a group that can be asked
// about. Mirrors drivers/iommu/iommu.c: iommu_device_register and iommu_get_group_resv_regions, Linux 7.2.

import AddressSpaces

/// With whose reservations a device is prepared.
public enum GroupShare: Hashable, Sendable {
    /// The device's own: what the kernel asks its driver for.
    case own
    /// All of the group, as for user space, which gets groups whole.
    case whole
}

extension Device {
    /// The id of the device that stands for a group of this number.
    package static func groupID(_ number: UInt64) -> String { "group:\(number)" }

    /// The number in such an id; nil in any other.
    package static func groupNumber(ofID id: String) -> UInt64? {
        UInt64(id.dropFirst(groupID(0).count - 1)).flatMap { groupID($0) == id ? $0 : nil }
    }

    /// The id of the device that stands for its group; nil where the group is not known.
    public var groupID: String? { groupNumber.map(Self.groupID) }

    /// Whether it stands for its group, and is none of its members.
    public var standsForGroup: Bool { groupID == id }

    /// Whether its group may reserve more than the device itself.
    public var sharesRegions: Bool { !groupRegions.isEmpty || !groupUnappliedRegions.isEmpty }

    /// What firmware or a list reserves for it, whether or not Linux applies it.
    fileprivate var statedRegions: [ReservedRegion] {
        firmwareRegions + unappliedRegions.compactMap(\.region)
    }

    /// What it has only because of its group.
    package var regionsOfMates: Set<ReservedRegion> {
        guard sharesRegions else { return [] }
        return Set(groupRegions + groupUnappliedRegions.compactMap(\.region)).subtracting(statedRegions)
    }

    /// The device with this share of what its group reserves.
    public func with(_ share: GroupShare) -> Device {
        switch share {
        case .own: return self
        case .whole:
            guard sharesRegions else { return self }
            // The group's first and in its order, so that the list of every member is the same.
            let shared = Set(groupRegions)
            let unapplied = Set(groupUnappliedRegions.compactMap(\.region))
            var device = self
            device.firmwareRegions =
                groupRegions + firmwareRegions.filter { !shared.contains($0) }
            device.unappliedRegions =
                groupUnappliedRegions
                + unappliedRegions.filter { region in
                    !(region.region.map(unapplied.contains) ?? false)
                }
            device.groupRegions = []
            device.groupUnappliedRegions = []
            return device
        }
    }

    /// Whether a DMA domain that is set up for the one is as if it were set up for the other.
    fileprivate func isReservedAlike(_ other: Device) -> Bool {
        guard firmwareRegions == other.firmwareRegions, unappliedRegions == other.unappliedRegions else {
            return false
        }
        let areWindowsAlike = inboundWindows == other.inboundWindows && pciWindows == other.pciWindows
        return areWindowsAlike || isKnownByGroupOnly || other.isKnownByGroupOnly
    }

    /// Whether firmware says nothing of it, so that its windows are not known.
    var isKnownByGroupOnly: Bool { streams.isEmpty && hostBridge == nil }
}

extension IOMMUGroup {
    /// Devices that are kept of a group, alike ones counted once.
    public static let devicesMax = 64
}

extension Platform {
    /// The group of a device of this machine, seen from the device, without devices that reserve the same as
    /// one before them; nil where sysfs does not say who else is in it, or where all are alike. For the
    /// device that stands for a group it is seen from the first member. O(n) for n devices, and O(m log m)
    /// for the m members, each of which is compared with at most `devicesMax` that are kept.
    public func group(of device: Device) -> IOMMUGroup? {
        guard let number = device.groupNumber else { return nil }
        var members: [(place: Int, device: Device)] = []
        var nodes: [String: Int] = [:]
        for (place, other) in devices.enumerated() where other.groupNumber == number {
            if let name = other.sysfsName {
                nodes[name] = place
            } else if !other.standsForGroup {
                members.append((place, other))
            }
        }
        let inOrder = members.map { (BusOrder($0.device, at: nodes[$0.device.id] ?? $0.place), $0.device) }
            .sorted { $0.0 < $1.0 }.map(\.1)
        let name = device.standsForGroup ? inOrder.first?.id : device.sysfsName ?? device.id
        var kept: [Device] = []
        var subject: Int?
        for member in inOrder {
            let isSubject = member.id == name
            let shown = isSubject && !device.standsForGroup ? device : member
            let alike = kept.firstIndex { $0.isReservedAlike(member) }
            if isSubject {
                // In the place of the one that it is like.
                subject = alike ?? kept.count
                if let alike { kept[alike] = shown } else { kept.append(shown) }
            } else if let alike {
                if alike != subject, kept[alike].isKnownByGroupOnly { kept[alike] = member }
            } else if kept.count < IOMMUGroup.devicesMax {
                kept.append(member)
            }
        }
        guard let subject, kept.count > 1 else { return nil }
        return IOMMUGroup(kept, subject: subject)
    }

    /// Of the regions that a device has only because of its group, the others that they are of, by id. As
    /// far as `group` keeps these: O(m) for the m regions of each.
    public func owners(of device: Device) -> [ReservedRegion: String] {
        var open = device.regionsOfMates
        guard !open.isEmpty, let group = group(of: device) else { return [:] }
        var found: [ReservedRegion: String] = [:]
        for mate in group.mates where !open.isEmpty {
            for region in mate.statedRegions where open.remove(region) != nil { found[region] = mate.id }
        }
        return found
    }

    /// Whether Linux finds a group's devices in the order of the bus, whichever driver binds first.
    public var findsDevicesInBusOrder: Bool { source == .acpi }

    /// Each device once: no group of which members are known, and no node that a member stands for.
    public var devicesOnce: [Device] {
        guard devices.contains(where: { $0.groupNumber != nil }) else { return devices }
        let grouped = Set(devices.lazy.filter { !$0.standsForGroup }.compactMap(\.groupNumber))
        let names = Set(devices.lazy.map(\.id))
        return devices.filter { device in
            if let name = device.sysfsName { return !names.contains(name) }
            return !device.standsForGroup || !(device.groupNumber.map(grouped.contains) ?? false)
        }
    }
}

/// Linux looks at its platform bus before PCI, and on PCI at lower bus numbers first.
struct BusOrder: Comparable {
    private let isPCI: Bool
    private let segment: UInt32
    private let requester: UInt32
    private let place: Int

    init(_ device: Device, at place: Int) {
        isPCI = device.isPCI
        segment = Platform.segment(device.id) ?? 0
        requester = Platform.requester(device.id) ?? 0
        self.place = place
    }

    static func < (left: Self, right: Self) -> Bool {
        if left.isPCI != right.isPCI { return right.isPCI }
        return (left.segment, left.requester, left.place) < (right.segment, right.requester, right.place)
    }
}
