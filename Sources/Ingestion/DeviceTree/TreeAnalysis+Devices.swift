// Who is a master behind an SMMU, in the order of the tree.

import AddressSpaces
import Machines

extension TreeAnalysis {
    mutating func readDevices() throws(DeviceTreeError) -> [Device] {
        var devices: [Device] = []
        // By node: the host bridge at or above it, if it is a master, and its place in the list.
        var hosts: [(node: Int, place: Int)?] = Array(repeating: nil, count: tree.nodes.count)
        let flat = tree.nodes.flat
        let masters = TreeProperty.iommuMap.bit | TreeProperty.iommus.bit
        for index in flat.nodes.indices {
            let known = devices.count
            let record = flat.nodes[index]
            let above = record.parent < 0 ? nil : hosts[Int(record.parent)]
            // As nearly all are.
            if above == nil, record.held & masters == 0 { continue }
            hosts[index] = above
            if let above, record.held & TreeProperty.memoryRegion.bit != 0,
                let function = try pciFunction(index, below: devices[above.place], above.node)
            {
                devices.append(function)
            } else {
                if record.held & TreeProperty.iommuMap.bit != 0, try addBus(index, to: &devices) {
                    let place = devices.count - 1
                    if devices[place].kind == .pciHost { hosts[index] = (index, place) }
                }
                // A bus may be a device as well: host1x maps its clients' IDs and has one of its own.
                if record.held & TreeProperty.iommus.bit != 0 { try addPlatformDevice(index, to: &devices) }
            }
            for place in known..<devices.count { try takeStreams(devices[place].streams.count) }
            guard devices.count <= PlatformLimits.devicesMax else {
                throw .tooManyDevices(limit: PlatformLimits.devicesMax)
            }
        }
        return devices
    }

    /// A node whose `iommu-map` names an SMMU, or would if it could be read; false for any other.
    private mutating func addBus(_ index: Int, to devices: inout [Device]) throws(DeviceTreeError) -> Bool {
        let streams = idMap(of: index)
        guard !streams.mappings.isEmpty || streams.hasMistake else { return false }
        let isHost = tree.isPCI(index) && !(tree.nodes[index].parent.map(tree.isPCI) ?? false)
        let place = add(index, isHost ? .pciHost : .idMapBus, streams, dmaFrom: index, to: &devices)
        guard isHost else {
            devices[place].firmwareRegions = try iommuAddresses(of: index, onHostBridge: false)
            devices[place].unappliedRegions = unapplied
            return true
        }
        devices[place].pciWindows = outboundWindows(of: index)
        devices[place].inboundWindows = inboundWindows(of: index)
        // Linux keeps 16 bits (drivers/pci/of.c: of_get_pci_domain_nr, Linux 7.2).
        devices[place].statedSegment = tree.nodes[index].cell(.pciDomain).map { $0 & 0xffff }
        devices[place].rootBus = rootBus(of: index)
        devices[place].firmwareRegions = try iommuAddresses(of: index, onHostBridge: true)
        try takeRegions(devices[place].pciWindows.count + devices[place].inboundWindows.count)
        return true
    }

    /// A node whose `iommus` names an SMMU; of any other nothing.
    private mutating func addPlatformDevice(
        _ index: Int, to devices: inout [Device]
    ) throws(DeviceTreeError) {
        let streams = specifiers(of: index)
        guard !streams.mappings.isEmpty else { return }
        let place = add(index, .platform, streams, dmaFrom: tree.dmaParent(of: index), to: &devices)
        devices[place].firmwareRegions = try iommuAddresses(of: index, onHostBridge: false)
        devices[place].unappliedRegions = unapplied
    }

    /// What all devices have, in the list at once, where the rest is added to it: one that is put together
    /// first and handed on is copied for each hand, 900 instructions each time.
    ///
    /// - Returns: its place.
    private mutating func add(
        _ index: Int, _ kind: Device.Kind, _ streams: Streams, dmaFrom bus: Int?, to devices: inout [Device]
    ) -> Int {
        let node = tree.nodes[index]
        if streams.isPlaceholder {
            note(
                .info, "iommu-map-placeholder", node.path, "iommu-map",
                "No entry has a length, so the map translates no ID as shipped; firmware fills it in.")
        }
        let place = devices.count
        devices.append(
            Device(
                id: id(of: index), kind: kind, compatible: node.strings(.compatible),
                active: tree.isEnabled(index) && streams.reachesEnabledSMMU,
                streams: streams.mappings, msiControllers: msiControllers(of: index),
                dmaLimit: tree.dmaLimit(from: bus) ?? .max, dmaCoherent: tree.isDMACoherent(index)))
        if let mask = node.cell(.iommuMapMask) { devices[place].requesterMask = mask }
        devices[place].missingIOMMU = streams.missing(kind == .platform ? .iommus : .iommuMap)
        devices[place].nodeName = tree.deviceName(of: index)
        return place
    }

    /// A PCI function with a node of its own and with `memory-region`: listed when it can carry reservations
    /// of its own.
    private mutating func pciFunction(
        _ index: Int, below host: Device, _ hostIndex: Int
    ) throws(DeviceTreeError) -> Device? {
        let node = tree.nodes[index]
        guard let path = pciPath(of: index, below: hostIndex) else { return nil }
        var device = host
        device.id = id(of: index)
        device.kind = .pciFunction
        device.nodeName = nil
        device.compatible = node.strings(.compatible)
        device.active = host.active && tree.isEnabled(index)
        if tree.nodes[index].parent == hostIndex, let requester = requester(of: index, on: hostIndex) {
            device.missingIOMMU = missing(index, requester, of: host)
            if device.missingIOMMU?.isCertain == true { device.active = false }
        }
        device.pciPath = path
        device.hostBridge = host.id
        device.firmwareRegions = try iommuAddresses(of: index, onHostBridge: false)
        device.unappliedRegions = unapplied
        try takeRegions(device.pciWindows.count + device.inboundWindows.count)
        return device
    }

    /// The requester ID of a function of the bridge's root bus, whose number is known; buses further down are
    /// numbered by Linux.
    private func requester(of index: Int, on hostIndex: Int) -> UInt32? {
        guard let address = tree.nodes[index].cell(.reg) else { return nil }
        return rootBus(of: hostIndex) << 8 | address >> 8 & 0xff
    }

    private func rootBus(of hostIndex: Int) -> UInt32 {
        (tree.nodes[hostIndex].cell(.busRange) ?? 0) & 0xff
    }

    /// What the bridge's map says of a function whose ID is known: one that no entry holds, or one for a
    /// disabled SMMU, gives it no IOMMU, whatever others have.
    private mutating func missing(_ index: Int, _ requester: UInt32, of host: Device) -> MissingIOMMU? {
        switch host.missingIOMMU {
        case .unreadableMap, .unmapped, .noMapping, .disabled, .placeholder, .besideDisabled:
            return host.missingIOMMU
        case .partlyDisabled, .partlyReadable, .cutMap, nil: break
        }
        guard tree.work.take(host.streams.count) else { return host.missingIOMMU }
        guard let reached = host.stream(ofRequester: requester) else {
            if host.missingIOMMU == .partlyReadable || host.missingIOMMU == .cutMap { return .unreadableMap }
            note(
                .warning, "function-unmapped", tree.nodes[index].path, "reg",
                "No entry of the iommu-map of \(host.id) contains requester ID \(hex(requester)), so the function has "
                    + "no IOMMU: its MSIs go to physical addresses.")
            return .unmapped
        }
        if disabledSMMUs.contains(reached.iommu) { return .disabled }
        return host.missingIOMMU == .cutMap ? .cutMap : nil
    }

    /// "device.function" of every node from the root bus down; nil when a node on the way has no `reg`.
    private func pciPath(of index: Int, below host: Int) -> [String]? {
        var path: [String] = []
        var at = index
        while at != host {
            guard let address = tree.nodes[at].cell(.reg), let parent = tree.nodes[at].parent else {
                return nil
            }
            path.append(Platform.place(address >> 8 & 0xff))
            at = parent
        }
        return path.reversed()
    }
}
