// What the devices of one IOMMU group know of each other once all are known. The whole group withholds what
// firmware reserves for any of its devices, also where the kernel's list lacks it, and the device that stands
// for the group answers with the facts of its members. Mirrors drivers/iommu/iommu.c: an iommu_group has no
// hardware of its own, Linux 7.2.

import AddressSpaces

extension Device {
    /// Takes the device for one that a running kernel put into a group, whatever firmware says.
    package mutating func takeAsGrouped() {
        active = true
        missingIOMMU = nil
    }

    /// Takes the device for a bridge with such a function below it: what firmware says against all is
    /// refuted, what it says against some is not.
    package mutating func takeAsAboveGrouped() {
        active = true
        switch missingIOMMU {
        case .unreadableMap, .disabled, .placeholder: missingIOMMU = nil
        case nil, .unmapped, .noMapping, .besideDisabled, .partlyDisabled, .partlyReadable, .cutMap: break
        }
    }

    /// The facts of one of its members, with the regions of all.
    fileprivate func answering(as member: Device, of members: [Device]) -> Device {
        var answer = member
        answer.id = id
        answer.kind = kind
        answer.compatible = compatible
        answer.standsForPCI = member.isPCI
        answer.sysfsName = nil
        answer.pciPath = []
        answer.groupType = groupType
        answer.reportedRegions = reportedRegions
        answer.usableRanges = usableRanges ?? member.usableRanges
        answer.firmwareRegions =
            reportedRegions == nil
            ? members.lazy.flatMap(\.firmwareRegions).eachOnce(by: { $0 }) : firmwareRegions
        answer.unappliedRegions = members.unapplied
        answer.groupRegions = []
        answer.groupUnappliedRegions = []
        answer.hasUnknownFirmware = members.contains(where: \.hasUnknownFirmware)
        answer.hasUnknownMates = false
        answer.hasUnknownPCIWindows = members.contains(where: \.hasUnknownPCIWindows)
        return answer
    }
}

extension Platform {
    /// Places of one group's devices.
    private struct Places {
        var members: [Int] = []
        /// Nodes that members stand for.
        var nodes: [Int] = []
        var standIns: [Int] = []
    }

    /// Gives the devices of each group what firmware reserves for the others and Linux does not apply, and
    /// the device that stands for a group the facts of its first member. O(n log n) for n devices.
    ///
    /// - Parameter regionsMax: copies of regions that are made.
    /// - Returns: false when there would be more.
    package mutating func completeGroups(regionsMax: Int) -> Bool {
        var groups: [UInt64: Places] = [:]
        var nodes: [String: Int] = [:]
        for place in devices.indices {
            guard let number = devices[place].groupNumber else { continue }
            if let name = devices[place].sysfsName {
                nodes[name] = place
                groups[number, default: Places()].nodes.append(place)
            } else if devices[place].standsForGroup {
                groups[number, default: Places()].standIns.append(place)
            } else {
                groups[number, default: Places()].members.append(place)
            }
        }
        // The compiler makes the list its own before the loop, by a copy of every device.
        guard !groups.isEmpty else { return true }
        var copies = 0
        for places in groups.values where !places.members.isEmpty {
            let members = places.members.map {
                (BusOrder(devices[$0], at: nodes[devices[$0].id] ?? $0), devices[$0])
            }
            .sorted { $0.0 < $1.0 }.map(\.1)
            let first = members.first { !$0.isKnownByGroupOnly } ?? members[0]
            for place in places.standIns { devices[place] = devices[place].answering(as: first, of: members) }
            guard members.count > 1 else { continue }
            let unapplied = members.unapplied
            copies += unapplied.count * members.count
            guard copies <= regionsMax else { return false }
            let hasStrangers = members.contains(where: \.hasUnknownFirmware)
            for place in places.members + places.nodes {
                devices[place].groupUnappliedRegions = unapplied
                // A list has the regions of all.
                let isUnlisted = devices[place].reportedRegions == nil
                devices[place].hasUnknownMates =
                    hasStrangers && isUnlisted && !devices[place].hasUnknownFirmware
            }
        }
        return true
    }
}

extension Sequence<Device> {
    /// What firmware reserves for any of them and Linux does not apply, each range once.
    fileprivate var unapplied: [UnappliedRegion] {
        lazy.flatMap(\.unappliedRegions).filter { $0.region != nil }.eachOnce(by: \.region)
    }
}

extension Sequence {
    /// The first of those that are alike by the key, in order.
    package func eachOnce<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
