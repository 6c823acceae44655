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
        platform.smmu(named: fault.smmu, isV3: isV3(fault))
    }

    private static func isV3(_ fault: SMMUFault) -> Bool {
        switch fault.driver {
        case .armSMMU: false
        case .armSMMUv3: true
        }
    }

    /// The SMMUs that the driver of a fault drives.
    static func candidates(for fault: SMMUFault, in platform: Platform) -> [SMMU] {
        platform.smmus(isV3: isV3(fault))
    }

    /// What a log names that the machine has not, so that it is hardly of that machine.
    enum Stranger {
        /// The machine has SMMUs, and none that the driver drives.
        case driver
        /// Of the driver's SMMUs none has its registers where the name says.
        case address
    }

    static func stranger(of fault: SMMUFault, on platform: Platform) -> Stranger? {
        guard !platform.smmus.isEmpty else { return nil }
        let candidates = candidates(for: fault, in: platform)
        guard !candidates.isEmpty else { return .driver }
        let bases = candidates.compactMap(\.registers.first?.start.value)
        guard let named = SMMU.base(named: fault.smmu), bases.count == candidates.count else { return nil }
        return bases.contains(named) || candidates.contains { $0.id == fault.smmu } ? nil : .address
    }

    /// The SMMUs of which the fault's stream ID may be.
    static func smmuIDs(of fault: SMMUFault, _ smmu: SMMU?, in platform: Platform) -> Set<String> {
        Set(smmu.map { [$0.id] } ?? candidates(for: fault, in: platform).map(\.id))
    }

    static func devices(of fault: SMMUFault, _ smmu: SMMU?, in platform: Platform) -> [Device] {
        let found = devices(withStreamOf: fault, smmu, in: platform)
        guard var device = client(of: fault, in: platform) else { return found }
        device.takeAsGrouped()
        // Of a group's member the host's list may know nothing but the name.
        return device.kind == .group && !found.isEmpty ? found : [device]
    }

    /// The device that the log names, as firmware describes it.
    private static func client(of fault: SMMUFault, in platform: Platform) -> Device? {
        guard let name = fault.client else { return nil }
        return platform.devices.first { $0.id == name } ?? platform.pciFunction(name)
    }

    /// Whether the log refutes what firmware says of the device that it names: an SMMU reported it, so that
    /// it has one (drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_dump_event, Linux 7.2).
    static func isRefuted(by fault: SMMUFault, _ platform: Platform) -> Bool {
        guard var device = client(of: fault, in: platform) else { return false }
        let described = (device.active, device.missingIOMMU)
        device.takeAsGrouped()
        return described != (device.active, device.missingIOMMU)
    }

    private static func devices(
        withStreamOf fault: SMMUFault, _ smmu: SMMU?, in platform: Platform
    ) -> [Device] {
        guard let stream = fault.streamID else { return [] }
        let ids = smmuIDs(of: fault, smmu, in: platform)
        var found: [Device] = []
        // A member of a group stands for its node, and for its group.
        for device in platform.devices where device.sysfsName == nil && !device.standsForGroup {
            let entries = device.entries(of: stream, on: ids)
            guard !entries.isEmpty, device.mayHave(entries) else { continue }
            let single = platform.function(of: device, entries) ?? device
            if !found.contains(where: { $0.id == single.id && $0.kind == single.kind }) {
                found.append(single)
            }
        }
        // A bridge stands for the functions that are not known.
        let bridges = Set(found.compactMap(\.hostBridge))
        found.removeAll { bridges.contains($0.id) && $0.kind != .platform }
        return Array(found.prefix(devicesMax))
    }
}

extension Platform {
    /// The function behind an ACPI root complex that has a stream ID; nil for devices of other kinds.
    fileprivate func function(of device: Device, _ entries: [StreamEntry]) -> Device? {
        guard let segment = device.segment, let requester = device.mapped(entries) else { return nil }
        let address = Self.address(segment: segment, requester)
        return devices.first { $0.id == address } ?? pciFunction(address)
    }
}

/// An entry that gives a stream ID to somebody, and to whom.
typealias StreamEntry = (mapping: StreamMapping, requester: UInt32?)

extension Device {
    /// The requester ID, as it is looked up, of the first entry that counts stream IDs up; nil where IDs are
    /// not mapped.
    func mapped(_ entries: [StreamEntry]) -> UInt32? {
        guard isPCI else { return nil }
        for entry in entries {
            switch entry.mapping.kind {
            case .idMap: return entry.requester
            case .specifier, .constant: continue
            }
        }
        return nil
    }

    /// Whether a function with a node of its own may be the requester: its place is known from the root bus
    /// down, bus numbers are not.
    fileprivate func mayHave(_ entries: [StreamEntry]) -> Bool {
        guard kind == .pciFunction, let place = pciPath.last, let requester = mapped(entries) else {
            return true
        }
        guard Platform.place(requester) == place else { return false }
        // On the root bus the number is 0; further down it is another, of which the mask may leave out bits.
        return pciPath.count == 1 ? requester >> 8 == 0 : requester >> 8 != 0 || maskedBits >> 8 != 0
    }
}
