// From a capture's firmware files to the product's platform. Windows and the like that tables do not hold
// come from the files that do: outbound windows from /proc/iomem, and from the DSDT the two things that the
// kernel asks a host bridge's methods for. No AML is interpreted: both are looked up as the bytes that
// compilers make of them. The capture names functions by bus, device and function, firmware by the path from
// the root bus: one is translated into the other from what the capture lists.

import AddressSpaces
import Ingestion
import Machines

extension Capture {
    /// The device tree where there is one, the tables otherwise.
    static func platform(of name: String) throws -> Platform {
        if let tree = file("platform.dtb", of: name) { return try DeviceTreeReader.read(tree) }
        var facts = ACPIReader.Facts()
        facts.pciWindows = [0: outboundWindows(file("iomem.txt", of: name) ?? [])]
        let dsdt = file("DSDT.aml", of: name) ?? []
        facts.preservesPCIConfiguration = preservesConfiguration(dsdt)
        let tables = ["IORT.aml", "APIC.aml", "MCFG.aml"].compactMap { file($0, of: name) }
        facts.inboundWindows = [0: inboundWindows(dsdt)].filter { !$0.value.isEmpty }
        return try ACPIReader.read(tables, facts)
    }

    /// Top-level `PCI Bus 0000:00` lines: the root bus's memory windows. I/O ports are in another file.
    static func outboundWindows(_ iomem: [UInt8]) -> [PCIWindow] {
        String(decoding: iomem, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard !line.hasPrefix(" "), line.hasSuffix(" : PCI Bus 0000:00") else { return nil }
            let ends = line.prefix { $0 != " " }.split(separator: "-").map { UInt64($0, radix: 16)! }
            return PCIWindow(
                kind: .memory, busStart: ends[0], cpuStart: ends[0], size: ends[1] - ends[0] + 1,
                is64Bit: ends[1] > UInt64(UInt32.max), isPrefetchable: false)
        }
    }

    /// Whether `_DSM` of the PCI host bridge has "If (Arg2 == 5) Return (Zero)" (PCI Firmware Specification,
    /// function 5: preserve the boot configuration).
    static func preservesConfiguration(_ dsdt: [UInt8]) -> Bool {
        let uuid: [UInt8] = [
            0xd0, 0x37, 0xc9, 0xe5, 0x53, 0x35, 0x7a, 0x4d, 0x91, 0x17, 0xea, 0x4d, 0x19, 0xc3, 0x43, 0x4d,
        ]
        guard let at = index(of: uuid, in: dsdt[...]) else { return false }
        let body = dsdt[(at + uuid.count)...].prefix(64)
        return index(of: [0x93, 0x6a, 0x0a, 0x05, 0xa4, 0x00], in: body) != nil
    }

    /// The QWORD descriptors in `_DMA`'s resource template; none without the object.
    static func inboundWindows(_ dsdt: [UInt8]) -> [InboundWindow] {
        guard let at = index(of: Array("_DMA".utf8), in: dsdt[...]) else { return [] }
        var windows: [InboundWindow] = []
        var next = at + 4
        while let descriptor = index(of: [0x8a, 0x2b, 0x00, 0x00], in: dsdt[next...].prefix(16)),
            dsdt.count >= descriptor + 46
        {
            func field(_ offset: Int) -> UInt64 {
                dsdt[(descriptor + offset)..<(descriptor + offset + 8)].reversed()
                    .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            windows.append(
                InboundWindow(busStart: field(14), cpuStart: field(14) &+ field(30), size: field(38)))
            next = descriptor + 46
        }
        return windows
    }

    private static func index(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: pattern) }
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
