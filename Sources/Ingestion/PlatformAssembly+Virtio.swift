// What a virtio-iommu reports, from the lists of a running kernel: firmware has no word of it, and every list
// of reserved_regions has. A text of lists beside a description gives its regions to the devices that it
// names; where all lists have the same MSI regions, the device reports these of its other endpoints too.

import AddressSpaces
import Machines

extension PlatformAssembly {
    /// The platform with a device for each group of the text, and each device that it names with its list.
    static func merged(_ platform: Platform, _ listed: Platform) throws(PlatformError) -> Platform {
        var platform = platform
        var places: [String: Int] = [:]
        for (place, device) in platform.devices.enumerated() where places[device.id] == nil {
            places[device.id] = place
        }
        for device in listed.devices {
            guard let place = places[device.id] else {
                platform.devices.append(device)
                continue
            }
            platform.devices[place].reportedRegions = device.reportedRegions
            ListedRegions(device.firmwareRegions, pageBytes: platform.host?.pageBytes)
                .give(to: &platform.devices[place])
            platform.devices[place].takeAsGrouped()
            platform.devices[place].groupNumber = device.groupNumber
            platform.devices[place].hasUnknownRegions = device.hasUnknownRegions
        }
        guard platform.devices.count <= PlatformLimits.devicesMax else {
            throw .tooManyDevices(limit: PlatformLimits.devicesMax)
        }
        platform.findings += listed.findings
        return platform
    }

    /// Gives devices that a virtio-iommu decides about what all lists say, and says where nothing does.
    mutating func settle(_ platform: inout Platform) {
        guard platform.firstUndecided != nil else { return }
        // Beside SMMUs only lists of its own endpoints are a virtio-iommu's.
        let hasOthers = platform.smmus.contains { $0.version != .virtio }
        let asked = platform.devices.filter { device in
            !hasOthers || !device.smmus.isEmpty && platform.driver(of: device) == .virtio
        }
        let lists = asked.compactMap(\.reportedRegions).filter { !$0.isEmpty }
            .map { $0.filter { $0.kind == .msi || $0.kind == .softwareMSI } }
        let answers = Set(lists.map { list in list.map { [$0.start, $0.length] } })
        if answers.count == 1, let regions = lists.first, !regions.isEmpty {
            return give(regions, &platform)
        }
        if answers.count > 1 {
            note(
                .warning, "virtio-iommu-lists-differ", "iommu_groups",
                "The lists of the groups have different MSI regions, so that nothing follows for devices without a list."
            )
        }
        guard let device = platform.firstUndecided else { return }
        note(.warning, "virtio-iommu-decides", device.id, device.undecidedRemark)
    }

    private mutating func give(_ regions: [ReservedRegion], _ platform: inout Platform) {
        for place in platform.devices.indices where platform.isUndecided(platform.devices[place]) {
            let own = regions.map { region in
                ReservedRegion(
                    kind: region.kind, start: region.start, length: region.length, provenance: .virtioProbe)
            }
            platform.devices[place].firmwareRegions.insert(contentsOf: own, at: 0)
        }
        let text = regions.map { HexLiteral.text($0.start) }.joined(separator: ", ")
        note(
            .info, "virtio-iommu-reported", "iommu_groups",
            "Every list of the groups has the same MSI regions, at \(text): the virtio-iommu is taken to report them of "
                + "every endpoint.")
    }
}
