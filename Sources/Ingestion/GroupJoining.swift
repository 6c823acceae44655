// The groups of a running host joined to what firmware describes. The kernel prints one list for a group,
// merged of those of its devices; firmware says which of the entries are whose. Entries that a device's own
// firmware explains are its own, those that another's explains are that one's, and the rest belongs to whom
// firmware does not describe, or to all. Mirrors drivers/iommu/iommu.c: iommu_get_group_resv_regions and
// iommu_insert_resv_region, Linux 7.2, backwards.

import AddressSpaces
import Machines

struct GroupJoining {
    /// A member of a group, as firmware describes it.
    private struct Member {
        var device: Device
        /// The place of its node, which is the same device.
        var node: Int?
        /// False for a device that only the group names.
        var isDescribed: Bool
    }

    private let page: Granule
    private let names: SysfsNames
    private var known: Set<String>
    /// The group of each device.
    private var members: [String: String] = [:]
    /// Places of devices by id: a host bridge is above members.
    private var places: [String: Int] = [:]
    /// Regions that were copied to members from firmware.
    private var regionsOfFirmware = 0
    /// Windows of host bridges that a log names, by segment, for functions that firmware does not describe.
    private let loggedWindows: [UInt32: [PCIWindow]]
    /// Members of which it is not known which of firmware's devices they are.
    private var unknown: [String] = []

    /// - Parameter pageBytes: of the host's CPU, to whose pages its kernel rounded regions.
    init(_ platform: Platform, pageBytes: UInt64?, loggedWindows: [UInt32: [PCIWindow]] = [:]) {
        self.loggedWindows = loggedWindows
        page = .ofHost(pageBytes)
        names = SysfsNames(platform.devices)
        known = Set(platform.devices.map(\.id))
        for (place, device) in platform.devices.enumerated() where places[device.id] == nil {
            places[device.id] = place
        }
    }

    /// Adds a group, with its list unless that is not known, and its members with their places in sysfs.
    ///
    /// - Parameter isListed: false where only the members are known, so that of one alone there is no more.
    mutating func add(
        _ group: Device, _ named: [(name: String, path: String?)], isListed: Bool = true,
        to platform: inout Platform, _ findings: inout FindingList
    ) throws(PlatformError) {
        var added: [Device] = []
        if isListed || named.count > 1, known.insert(group.id).inserted { added.append(group) }
        var found: [Member] = []
        var regionsFound = 0
        for (name, path) in named where !name.isEmpty {
            if let first = members[name] {
                findings.noteSecondGroup(of: name, group.id, first: first)
                continue
            }
            members[name] = group.id
            var member = member(name, path, of: platform)
            // Counted while they are made: one RMR of a table is copied to every function.
            regionsFound += member.device.statedRegionsCount
            if regionsFound > PlatformLimits.regionsMax - regionsOfFirmware {
                guard group.reportedRegions != nil else { throw Self.tooManyRegions }
                member.device.firmwareRegions = []
                member.device.unappliedRegions = []
            }
            if member.device.hasUnknownFirmware { unknown.append(name) }
            found.append(member)
        }
        let isSmall = regionsFound <= PlatformLimits.regionsMax - regionsOfFirmware
        if let list = group.reportedRegions {
            if !share(group.firmwareRegions, among: &found, tellsWhose: isSmall) {
                findings.note(
                    .warning, "group-not-joined", group.id,
                    "Firmware has too many regions for the devices of the host's groups to tell whose those of this list are: "
                        + "each of its devices is taken to have all of them.")
                for place in found.indices { found[place].device.hasUnknownShare = true }
            }
            for place in found.indices { found[place].device.reportedRegions = list }
        } else {
            regionsOfFirmware += regionsFound
            shareFirmware(among: &found)
        }
        for member in found { put(member, of: group, into: &platform, &added) }
        platform.devices += added
        guard platform.devices.count <= PlatformLimits.devicesMax else {
            throw .tooManyDevices(limit: PlatformLimits.devicesMax)
        }
    }

    /// The member, and its node as the same device.
    private mutating func put(
        _ member: Member, of group: Device, into platform: inout Platform, _ added: inout [Device]
    ) {
        var device = member.device
        if let bridge = device.hostBridge, let place = places[bridge] {
            platform.devices[place].takeAsAboveGrouped()
        }
        device.groupType = group.groupType
        device.groupNumber = group.groupNumber
        device.hasUnknownRegions = group.hasUnknownRegions
        if let node = member.node {
            platform.devices[node] = device
            platform.devices[node].id = names.devices[node].id
            platform.devices[node].sysfsName = device.id
        }
        if known.insert(device.id).inserted {
            added.append(device)
        } else if let place = places[device.id] {
            platform.devices[place] = device
        }
    }

    /// Whether firmware has a device of this name, or a bridge above it. O(1), as logs may name many.
    func describes(_ name: String) -> Bool {
        guard let segment = Platform.segment(name) else { return names.place(of: name) != nil }
        return known.contains(Device.rootComplexID(segment)) || names.bridge(of: name, nil) != nil
            || names.place(of: name) != nil
    }

    /// The device of this name as firmware describes it, and the place of its node, if it has one.
    private func described(
        _ name: String, _ path: String?, of platform: Platform
    ) -> (device: Device, node: Int?)? {
        let function = PlatformAssembly.function(name, below: names.bridge(of: name, path))
        if let node = names.function(name, path) {
            var device = names.devices[node]
            // A node by itself does not tell its bus, and has the streams of its whole bridge.
            if let function { device.streams = function.streams }
            return (device, node)
        }
        let isBelowRoot = Platform.segment(name).map { known.contains(Device.rootComplexID($0)) } ?? false
        let ofTables = isBelowRoot ? platform.pciFunction(name, isGrouped: true) : nil
        if let function = ofTables ?? function { return (function, nil) }
        if let place = names.place(of: name) {
            let device = names.devices[place]
            // A host bridge stands for more than the device of that name.
            return (device, device.kind == .pciHost || device.id == name ? nil : place)
        }
        return names.bus(above: path).map { (PlatformAssembly.device(on: $0), nil) }
    }

    /// A member as firmware describes it.
    private func member(_ name: String, _ path: String?, of platform: Platform) -> Member {
        let found = described(name, path, of: platform)
        let isFunction = Self.isFunction(name, path)
        var device = found?.device ?? Device(id: name, kind: isFunction ? .pciFunction : .group)
        device.id = name
        // Whatever firmware says: a member of a group has an IOMMU.
        device.takeAsGrouped()
        if platform.isOfFirmware {
            device.hasUnknownFirmware =
                found == nil || found?.node == nil && names.mayBeNode(name, path)
        }
        if found == nil, isFunction {
            device.pciWindows = Platform.segment(name).flatMap { loggedWindows[$0] } ?? []
            device.hasUnknownPCIWindows = platform.isOfFirmware && device.pciWindows.isEmpty
        }
        return Member(device: device, node: found?.node, isDescribed: found != nil)
    }

    /// Says which members firmware was not found to describe, in one finding.
    func tell(_ findings: inout FindingList) {
        guard !unknown.isEmpty else { return }
        let shown = unknown.prefix(Self.shownMax).joined(separator: ", ")
        let more = unknown.count > Self.shownMax ? " and \(unknown.count - Self.shownMax) others" : ""
        findings.note(
            .warning, "firmware-unknown", "iommu_groups",
            "Which of the devices that firmware describes these members of groups are is not known: \(shown)\(more). "
                + "Answers about them have no regions, doorbells and limits of firmware's, or only their bridge's. "
                + "`iovad collect` sends places in sysfs, which tell more.")
    }

    private static let shownMax = 8

    /// Whether the kernel has the device on a PCI bus: by its place in sysfs, or else by its name.
    private static func isFunction(_ name: String, _ path: String?) -> Bool {
        guard let path else { return Platform.requester(name) != nil }
        return path.split(separator: "/").contains(where: SysfsNames.isRootBus)
    }
}

// MARK: Whose an entry is

extension GroupJoining {
    /// Without a list, what firmware reserves for each is all that is known.
    private func shareFirmware(among members: inout [Member]) {
        guard members.count > 1 else { return }
        let all = members.lazy.flatMap(\.device.firmwareRegions).eachOnce { $0 }
        for place in members.indices { members[place].device.groupRegions = all }
    }

    private static var tooManyRegions: PlatformError {
        .acpi(part: nil, .tooManyRegions(limit: PlatformLimits.regionsMax))
    }

    /// Gives each member its part of the group's list; false where that is too much, and each has all of it.
    ///
    /// - Parameter tellsWhose: false where it is known already that it is too much.
    private mutating func share(
        _ list: [ReservedRegion], among members: inout [Member], tellsWhose: Bool
    ) -> Bool {
        let listed = ListedRegions(list, page)
        // Of a device alone the list is its own.
        let isShared = tellsWhose && members.count > 1
        var owned = members.map { member in isShared ? listed.own(of: member.device) : [] }
        var missing = members.map { member in tellsWhose ? listed.missing(of: member.device) : [] }
        // Firmware's regions are shared by many functions at times, and each has a copy here.
        regionsOfFirmware += owned.reduce(0) { $0 + ($1.isEmpty ? 0 : $1.count + list.count) }
        regionsOfFirmware += missing.reduce(0) { $0 + $1.count }
        // Each member gets those of all; see Platform.completeGroups.
        regionsOfFirmware += Set(missing.joined().compactMap(\.region)).count * members.count
        let isAffordable = tellsWhose && regionsOfFirmware <= PlatformLimits.regionsMax
        if !isAffordable {
            owned = members.map { _ in [] }
            missing = members.map { _ in [] }
        }
        var all = owned.joined().eachOnce { $0 }
        let rest = all.isEmpty ? list : listed.rest(without: all)
        let hasStrangers = !all.isEmpty && members.contains { !$0.isDescribed }
        let everyones = hasStrangers ? rest.filter { $0.kind == .msi } : rest
        if hasStrangers { all += rest.filter { $0.kind != .msi } }
        for place in members.indices {
            let own = owned[place]
            let left = members[place].isDescribed ? everyones : rest
            members[place].device.firmwareRegions = own.isEmpty ? left : own + left
            members[place].device.unappliedRegions = missing[place]
            members[place].device.groupRegions = all
        }
        return isAffordable
    }
}

/// A group's list, to be asked what of it firmware explains.
struct ListedRegions {
    private let regions: [ReservedRegion]
    private let page: Granule
    private let ranges: [ReservedRegion.Kind: IOVASet]
    private let whole: Set<Key>

    private struct Key: Hashable {
        var kind: ReservedRegion.Kind
        var start: UInt64
        var length: UInt64

        init(_ region: ReservedRegion) {
            (kind, start, length) = (region.kind, region.start, region.length)
        }
    }

    /// - Parameter pageBytes: of the host's CPU; 4 KiB where they are not known.
    init(_ regions: [ReservedRegion], pageBytes: UInt64?) { self.init(regions, .ofHost(pageBytes)) }

    fileprivate init(_ regions: [ReservedRegion], _ page: Granule) {
        self.regions = regions
        self.page = page
        ranges = Dictionary(grouping: regions, by: \.kind).mapValues { IOVASet($0.compactMap(\.range)) }
        whole = Set(regions.map(Key.init))
    }

    /// What firmware reserves for the device and the list has, as the list says it: a kernel that was not
    /// expected to apply a region did so all the same.
    fileprivate func own(of device: Device) -> [ReservedRegion] {
        guard let source = regions.first?.provenance else { return [] }
        let stated = device.firmwareRegions + device.unappliedRegions.compactMap(\.region)
        return stated.compactMap { region in
            var region = region.rounded(to: page)
            let isListed =
                whole.contains(Key(region))
                || region.range.map { ranges[region.kind]?.contains($0) ?? false } ?? false
            guard isListed, region.provenance.isOfDevice else { return nil }
            region.provenance = source
            return region
        }
    }

    /// What firmware reserves for the device and the kernel has not listed, of whatever type: an old kernel
    /// does not look, and others do not apply all of it.
    fileprivate func missing(of device: Device) -> [UnappliedRegion] {
        let stated = device.firmwareRegions + device.unappliedRegions.compactMap(\.region)
        return stated.compactMap { region in
            guard region.provenance.isOfDevice, region.provenance.isStated,
                let range = region.rounded(to: page).range,
                !ranges.values.contains(where: { $0.contains(range) })
            else { return nil }
            return UnappliedRegion(reason: .notListed, region: region, location: device.id)
        }
    }

    /// The entries without what is explained.
    fileprivate func rest(without explained: [ReservedRegion]) -> [ReservedRegion] {
        let whole = Set(explained.map(Key.init))
        let taken = Dictionary(grouping: explained, by: \.kind).mapValues { IOVASet($0.compactMap(\.range)) }
        return regions.flatMap { region -> [ReservedRegion] in
            guard !whole.contains(Key(region)) else { return [] }
            guard let range = region.range, let taken = taken[region.kind] else { return [region] }
            return IOVASet([range]).subtracting(taken).ranges.map { left in
                var part = region
                part.start = left.start.value
                part.length = left.sizeMinusOne &+ 1
                return part
            }
        }
    }
}

extension Granule {
    /// The pages of a host; 4 KiB where they are not known.
    fileprivate static func ofHost(_ pageBytes: UInt64?) -> Granule {
        pageBytes.flatMap(Granule.init(bytes:)) ?? .kib4
    }
}

extension ListedRegions {
    /// Gives a device the kernel's list for its regions; firmware's that it lacks are kept beside it.
    func give(to device: inout Device) {
        device.unappliedRegions = missing(of: device)
        device.firmwareRegions = regions
    }
}

extension Device {
    /// What firmware reserves for it, whether or not Linux applies it.
    var statedRegionsCount: Int { firmwareRegions.count + unappliedRegions.count }
}

extension ReservedRegion.Provenance {
    /// What mainline reports for the device that it is named for.
    fileprivate var isOfDevice: Bool {
        switch self {
        case .hostBridgeNode, .notApplied: false
        case .deviceTreeNode, .misreadDeviceTreeNode, .rmr, .driver, .virtioProbe, .untranslatedITS, .caller:
            true
        }
    }
}
