// Which SMMU of a machine a log means, and which devices have the stream ID on it. Linux names SMMUs of a
// device tree by their address, and those of ACPI by number (drivers/acpi/arm64/iort.c:
// iort_add_platform_device, drivers/base/platform.c: PLATFORM_DEVID_AUTO, Linux 7.2).

import AddressSpaces
import Machines

extension FaultScene {
    /// Devices that are looked at; more have the same stream ID on no machine.
    private static let devicesMax = 4

    /// `64000000.iommu` by its registers; `arm-smmu-v3.2.auto` by its number; the only one by being alone.
    static func smmu(named fault: SMMUFault, in platform: Platform) -> SMMU? {
        switch fault.driver {
        case .armSMMU: platform.smmu(named: fault.smmu, isV3: false)
        case .armSMMUv3: platform.smmu(named: fault.smmu, isV3: true)
        }
    }

    /// The SMMUs that the driver of a fault drives.
    static func candidates(for fault: SMMUFault, in platform: Platform) -> [SMMU] {
        platform.smmus.filter { smmu in
            switch smmu.version {
            case .v1, .v2: fault.driver == .armSMMU
            case .v3: fault.driver == .armSMMUv3
            case .virtio: false
            }
        }
    }

    static func devices(of fault: SMMUFault, _ smmu: SMMU?, in platform: Platform) -> [Device] {
        let found = devices(withStreamOf: fault, smmu, in: platform)
        guard let client = fault.client,
            let device = platform.devices.first(where: { $0.id == client }) ?? platform.pciFunction(client)
        else { return found }
        // Of a group's member the host's list may know nothing but the name.
        return device.kind == .group && !found.isEmpty ? found : [device]
    }

    private static func devices(
        withStreamOf fault: SMMUFault, _ smmu: SMMU?, in platform: Platform
    ) -> [Device] {
        guard let stream = fault.streamID else { return [] }
        let ids = Set(smmu.map { [$0.id] } ?? candidates(for: fault, in: platform).map(\.id))
        var found: [Device] = []
        for device in platform.devices
        where device.streams.contains(where: { ids.contains($0.smmu) && $0.holds(stream) }) {
            guard device.mayHave(stream, on: smmu?.id) else { continue }
            let single = platform.function(of: device, stream, on: smmu?.id) ?? device
            if !found.contains(where: { $0.id == single.id }) { found.append(single) }
        }
        // A bridge stands for the functions that are not known.
        let bridges = Set(found.compactMap(\.hostBridge))
        found.removeAll { bridges.contains($0.id) }
        return Array(found.prefix(devicesMax))
    }
}

extension Platform {
    /// "01:00.2" of a requester ID.
    static func functionAddress(_ requester: UInt32) -> String {
        func hex(_ value: UInt32) -> String { HexLiteral.digits(value, atLeast: 2) }
        return "\(hex(requester >> 8 & 0xff)):\(hex(requester >> 3 & 31)).\(requester & 7)"
    }

    /// The function behind an ACPI root complex that has a stream ID; nil for devices of other kinds.
    fileprivate func function(of device: Device, _ stream: UInt32, on smmu: String?) -> Device? {
        guard device.kind == .rootComplex, let requester = device.requester(ofStream: stream, on: smmu),
            let segment = UInt32(device.id.dropFirst("rc:".count))
        else { return nil }
        let address = "\(HexLiteral.digits(segment, atLeast: 4)):\(Self.functionAddress(requester))"
        return devices.first { $0.id == address } ?? pciFunction(address)
    }
}

extension Device {
    /// The requester ID that reaches an SMMU as a stream ID; nil where IDs are not mapped.
    func requester(ofStream stream: UInt32, on smmu: String?) -> UInt32? {
        for mapping in streams where smmu == nil || mapping.smmu == smmu {
            guard case .idMap(let base, _, let output) = mapping.kind, isPCI, mapping.holds(stream),
                let first = output.first
            else { continue }
            return base &+ (stream - first)
        }
        return nil
    }

    /// Whether a function with a node of its own may be the requester: its place is known from the root bus
    /// down, bus numbers are not.
    fileprivate func mayHave(_ stream: UInt32, on smmu: String?) -> Bool {
        guard kind == .pciFunction, let place = pciPath.last,
            let requester = requester(ofStream: stream, on: smmu)
        else { return true }
        return Platform.functionAddress(requester).hasSuffix(":" + place)
            && (requester >> 8 == 0) == (pciPath.count == 1)
    }
}

extension StreamMapping {
    /// Whether a stream ID is among the mapping's. An SMMUv2 specifier may have a mask of ignored bits after
    /// the ID.
    func holds(_ stream: UInt32) -> Bool {
        switch kind {
        case .specifier(let cells):
            guard let id = cells.first else { return false }
            let mask = cells.count > 1 ? cells[1] : 0
            return id & ~mask == stream & ~mask
        case .constant(_, _, let output): return output == stream
        case .idMap(_, let length, let output):
            guard let first = output.first, stream >= first else { return false }
            return stream - first < length
        }
    }
}
