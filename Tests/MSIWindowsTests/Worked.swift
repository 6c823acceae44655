// What the worked scenarios share: regions, machines, and one call a consumer.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines

enum Worked {
    static let mib: UInt64 = 0x10_0000
    static let posted = WindowSource.posted

    /// The readings of "the caller must allocate".
    static let r1 = must([0x800_0000], .advertised)
    static let r2 = must([0x800_0000, 0xa000_0000], .advertised)
    static let r3r1 = must([0x800_0000], .unreachable)
    static let r3r2 = must([0x800_0000, 0xa000_0000], .unreachable)

    static func must(_ bases: [UInt64], _ avoid: WindowSource.Avoid) -> WindowSource {
        .candidates(bases: bases, size: mib, avoid: avoid, ifNone: .callerMustAllocate)
    }

    static func user(_ start: UInt64?, _ size: UInt64? = nil, _ reading: UserWindow.Reading = .asPosted)
        -> WindowSource
    {
        .user(UserWindow(start: start, size: size, reading: reading))
    }

    static func region(_ start: UInt64, _ length: UInt64, _ kind: ReservedRegion.Kind = .reserved)
        -> ReservedRegion
    {
        ReservedRegion(kind: kind, start: start, length: length, provenance: .caller("test"))
    }

    /// A PCI device without windows.
    static func pci(_ regions: [ReservedRegion] = [], inbound: [InboundWindow] = [], limit: UInt64 = .max)
        -> Device
    {
        Device(
            id: "pci", kind: .pciHost, dmaLimit: limit, inboundWindows: inbound, firmwareRegions: regions)
    }

    static func inbound(_ bus: UInt64, _ size: UInt64, cpu: UInt64? = nil) -> InboundWindow {
        InboundWindow(busStart: bus, cpuStart: cpu ?? bus, size: size)
    }

    static func machine(_ id: String) -> Device {
        BuiltInCatalogue.all.first { $0.id == id }!.platform.devices[0]
    }

    static let virt = machine("example-qemu-virt")
    static let juno = machine("example-arm-juno")
    static let its: [UInt64] = [0x809_0040]

    static func conditions(
        _ kernel: KernelProfile = .v7_2, page: Granule = .kib4, bits: Int = 48
    ) -> Conditions {
        Conditions(kernel: kernel, pageSize: page, apertureBits: bits)
    }

    static func ask(
        _ consumer: Consumer, _ device: Device, _ source: WindowSource = .fixed,
        _ conditions: Conditions = Conditions(), doorbells: [UInt64] = its,
        _ change: (inout Question) -> Void = { _ in }
    ) -> Decision {
        var question = Question(
            device: device, consumer: consumer, source: source, conditions: conditions,
            doorbells: doorbells.map(PhysicalAddress.init))
        change(&question)
        return Decision.decide(question)
    }

    /// Addresses that the device writes to.
    static func messages(
        _ consumer: Consumer, _ device: Device, _ source: WindowSource = .fixed,
        _ conditions: Conditions = Conditions(), doorbells: [UInt64] = its,
        _ change: (inout Question) -> Void = { _ in }
    ) -> [UInt64] {
        ask(consumer, device, source, conditions, doorbells: doorbells, change).doorbells.map(\.iova.value)
    }

    /// The base that the driver offers, nil for none.
    static func base(_ source: WindowSource, _ device: Device, _ conditions: Conditions = Conditions())
        -> UInt64?
    {
        PreparedDevice(device, under: conditions).advertised(source)
            .first { $0.kind == .softwareMSI }?.start
    }

    static func ranges(_ decision: Decision) -> [String] {
        decision.ranges?.map { "\(hex($0.start.value))-\(hex($0.last.value))" } ?? []
    }

    static func hex(_ value: UInt64) -> String { String(value, radix: 16) }

    static func sysfs(_ device: Device, _ source: WindowSource = .fixed) -> String {
        PreparedGroup(IOMMUGroup(device), under: Conditions()).advertised(source).sysfsText()
    }
}
