// From a capture's firmware files to the product's platform: a device tree, or tables, of which the DSDT has
// the windows that /proc/iomem shows too. The capture names functions by bus, device and function, firmware
// by the path from the root bus: one is translated into the other from what the capture lists.

import AddressSpaces
import Ingestion
import JSON
import Machines
import TestSupport
import Testing

extension Capture {
    /// The device tree where there is one, the tables otherwise.
    static func platform(of name: String, _ truth: Truth) throws -> Platform {
        if let tree = file("platform.dtb", of: name) { return try DeviceTreeReader.read(tree) }
        let tables = ["IORT.aml", "APIC.aml", "MCFG.aml", "DSDT.aml"].compactMap { file($0, of: name) }
        return try ACPIReader.read(tables + [viot(truth)].compactMap { $0 })
    }

    /// The emulator's VIOT, which no capture holds: every function of the bus is behind the virtio-iommu that
    /// the capture says it was given. nil for machines without one.
    static func viot(_ truth: Truth) -> [UInt8]? {
        guard truth.iommu?.virtio != nil,
            let iommu = truth.knobs.predev?.first(where: { $0.hasPrefix("virtio-iommu") }),
            let slot = iommu.split(separator: ",").first(where: { $0.hasPrefix("addr=0x") })?.dropFirst(7),
            let device = UInt16(slot, radix: 16)
        else { return nil }
        var builder = VIOTBuilder()
        let unit = builder.pciUnit(segment: 0, requester: device << 3)
        builder.pciRange(endpoint: 0, segments: (0, 0), requesters: (0, 0xffff), to: unit)
        return builder.table()
    }

    /// The description with its groups and their lists, as a collection.
    static func listedPlatform(of name: String, _ truth: Truth) throws -> Platform {
        let groups = truth.groups ?? [:]
        func hex(_ bytes: [UInt8]) -> String { bytes.map { HexLiteral.digits($0, atLeast: 2) }.joined() }
        func member(_ key: String, _ file: String) -> String? {
            Self.file(file, of: name).map { "\"\(key)\":\"\(hex($0))\"" }
        }
        let tables =
            [("IORT", "IORT.aml"), ("APIC", "APIC.aml"), ("DSDT", "DSDT.aml")].compactMap(member)
            + [viot(truth).map { "\"VIOT\":\"\(hex($0))\"" }].compactMap { $0 }
        let listed = groups.map { number, group in
            let names = group.devices.map { "\"\($0)\"" }.joined(separator: ",")
            let lines = group.reservedRegions.map { $0 + "\\n" }.joined()
            return "{\"id\":\"\(number)\",\"devices\":[\(names)],\"reserved_regions\":\"\(lines)\"}"
        }
        let firmware =
            member("device_tree", "platform.dtb") ?? "\"acpi\":{\(tables.joined(separator: ","))}"
        let json =
            "{\"collected\":{\"format\":1,\(firmware),\"groups\":[\(listed.joined(separator: ","))]}}"
        let problems = ProblemList(limit: 8)
        let platform = try PlatformReader.read(
            [InputPart(name: "body", bytes: Array(json.utf8), labelled: nil)],
            PlatformReader.Options(json: JSONLimits(bytesMax: 1 << 24, depthMax: 16, valuesMax: 1 << 20)),
            problems)
        #expect(problems.isEmpty, "\(name)")
        return platform
    }
}

/// `SSSS:BB:DD.F`, as Linux names a function.
struct PCIAddress {
    let bus: UInt32
    let device: UInt32
    let function: UInt32

    /// nil for a name of another bus.
    init?(_ name: String) {
        let parts = name.split(separator: ":")
        let slot = parts.last?.split(separator: ".") ?? []
        guard parts.count == 3, slot.count == 2, let bus = UInt32(parts[1], radix: 16),
            let device = UInt32(slot[0], radix: 16), let function = UInt32(slot[1], radix: 16)
        else { return nil }
        self.bus = bus
        self.device = device
        self.function = function
    }

    var requesterID: UInt32 { bus << 8 | device << 3 | function }

    /// `01.0`, as the product's paths have it.
    var slot: String {
        let number = String(device, radix: 16)
        return (number.count < 2 ? "0" : "") + number + ".\(function)"
    }
}

/// Buses behind bridges, numbered as Linux and UEFI number them: depth first, in the order of the bridges.
struct PCITopology {
    /// Path of the bridge that each bus hangs off, root bus first and empty.
    private var pathOfBus: [[String]] = [[]]

    init(devices: [String: Truth.Device]) {
        let bridges = devices.filter { $0.value.cls.hasPrefix("0604") }.keys.sorted().compactMap(
            PCIAddress.init)
        for bridge in bridges where bridge.bus < pathOfBus.count {
            pathOfBus.append(pathOfBus[Int(bridge.bus)] + [bridge.slot])
        }
    }

    /// "device.function" from the root bus down.
    func path(of address: PCIAddress) -> [String] {
        (address.bus < pathOfBus.count ? pathOfBus[Int(address.bus)] : []) + [address.slot]
    }
}
