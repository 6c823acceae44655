// The worked scenarios of the field, with their exact values; each rule by at least one of them.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

@Suite struct ScenarioTests {
    static let posted = WindowSource.candidates(
        bases: [0x800_0000, 0xa000_0000], size: 0x10_0000, avoid: .advertised)
    static let everything = WindowSource.candidates(
        bases: [0x800_0000, 0xa000_0000], size: 0x10_0000, avoid: .everything)

    static func region(_ start: UInt64, _ length: UInt64, _ kind: ReservedRegion.Kind = .reserved)
        -> ReservedRegion
    {
        ReservedRegion(kind: kind, start: start, length: length, provenance: .caller("test"))
    }

    static func inline(_ regions: [ReservedRegion]) -> Device {
        Device(id: "d", kind: .group, firmwareRegions: regions)
    }

    static let juno = BuiltInCatalogue.all.first { $0.id == "example-arm-juno" }!.platform.devices[0]
    static let virt = BuiltInCatalogue.all.first { $0.id == "example-qemu-virt" }!.platform.devices[0]

    private func decide(
        _ device: Device, _ source: WindowSource = .fixed, kernel: KernelProfile = .v7_2,
        page: Granule = .kib4,
        bits: Int = 48, doorbells: [UInt64] = []
    ) -> Decision {
        Decision.decide(
            Question(
                device: device, source: source,
                conditions: Conditions(kernel: kernel, pageSize: page, apertureBits: bits),
                doorbells: doorbells.map(PhysicalAddress.init)))
    }

    private func ranges(_ device: Device, _ source: WindowSource = .fixed, bits: Int = 48) -> [String] {
        let conditions = Conditions(apertureBits: bits)
        let list = PreparedDevice(device, under: conditions).advertised(source)
        return GroupRegionList(inserting: list).vfioRanges(aperture: conditions.aperture).map(\.text)
    }

    @Test func qemuVirt() {
        let decision = decide(Self.virt, doorbells: [0x809_0040])
        #expect(
            decision.window?.text == "0x8000000...0x80fffff" && decision.isReachable
                && decision.warnings.isEmpty)
        #expect(decision.doorbells.map(\.iova.value) == [0x800_0040])
        #expect(ranges(Self.virt) == ["0x0...0x7ffffff", "0x8100000...0xffffffffffff"])
    }

    @Test func junoCannotReachTheConstant() {
        let decision = decide(Self.juno, doorbells: [0x2c1c_0040])
        #expect(decision.outcome == .window && !decision.isReachable)
        #expect(decision.window?.text == "0x8000000...0x80fffff")
        #expect(decision.blockers.map(\.kind) == [.dmaRangesGap])
        #expect(decision.blockers[0].range.text == "0x0...0x80000fff")
        #expect(decision.because.contains("dma-ranges gap 0x0...0x80000fff"))
        #expect(decision.warnings.map(\.code) == [.windowInDMARangesGap])
        #expect(decide(Self.juno, Self.posted).window?.start.value == 0x800_0000)
        let fixed = decide(Self.juno, Self.everything, doorbells: [0x2c1c_0040])
        #expect(fixed.window?.start.value == 0xa000_0000 && fixed.isReachable)
        #expect(fixed.doorbells.map(\.iova.value) == [0xa000_0040])
    }

    @Test func doorbellsTakeOnePageEach() {
        let doorbells: [UInt64] = [0x2_0201_0040, 0x2_0211_0040, 0x2_0201_0080, 0x2_0221_0040]
        #expect(
            decide(Self.virt, doorbells: doorbells).doorbells.map(\.iova.value)
                == [0x800_0040, 0x800_1040, 0x800_0080, 0x800_2040])
        let many = (0..<17).map { 0x1_0000_0000 + $0 * 0x1_0000 + 0x40 } as [UInt64]
        let decision = decide(Self.virt, page: .kib64, doorbells: many)
        #expect(decision.doorbells.last?.iova.value == 0x810_0040)
        #expect(decision.warnings.map(\.code) == [.doorbellsPastWindow])
    }

    @Test func reservedWindowIsIgnoredByMainline() {
        let device = Self.inline([Self.region(0x800_0000, 0x10_0000)])
        let decision = decide(device)
        #expect(decision.window?.start.value == 0x800_0000 && !decision.isReachable)
        #expect(decision.warnings.map(\.code) == [.windowInReservedRegion])
        #expect(decide(device, Self.posted).window?.start.value == 0xa000_0000)
        #expect(
            ranges(device, Self.posted) == [
                "0x0...0x7ffffff", "0x8100000...0x9fffffff", "0xa0100000...0xffffffffffff",
            ])
    }

    @Test func bothConstantsReserved() {
        let device = Self.inline([Self.region(0x800_0000, 0x10_0000), Self.region(0xa000_0000, 0x10_0000)])
        let decision = decide(device, Self.posted)
        #expect(decision.outcome == .none && decision.errno == .noSpace && decision.window == nil)
        let old = decide(device, Self.posted, kernel: .v6_12, doorbells: [0x63c3_0040])
        #expect(old.errno == nil && old.doorbells.map(\.iova.value) == [0x63c3_0040])
        #expect(old.warnings.map(\.code) == [.physicalDoorbell])
    }

    @Test func directRegionRefusesTheGroup() {
        for source in [.fixed, Self.posted, Self.everything] {
            let decision = decide(Self.inline([Self.region(0x800_0000, 0x10_0000, .direct)]), source)
            #expect(decision.outcome == .refused && decision.errno == .invalidArgument)
        }
    }

    @Test func hardwareMSI() {
        let device = Self.inline([Self.region(0x809_0000, 0x1_0000, .msi)])
        #expect(decide(device).outcome == .hardware && decide(device).errno == .noSpace)
        let old = decide(device, kernel: .v6_12, doorbells: [0x809_0040])
        #expect(old.isReachable && old.doorbells.map(\.iova.value) == [0x809_0040])
    }

    @Test func apertureEndsBelowTheWindow() {
        let reserved = Self.inline([Self.region(0x800_0000, 0x10_0000)])
        let decision = Decision.decide(
            Question(
                device: Device(id: "d", kind: .group, dmaLimit: 0x7ff_ffff), source: .fixed,
                doorbells: [PhysicalAddress(0x40)]))
        #expect(decision.warnings.map(\.code) == [.windowAboveDMALimit] && !decision.isReachable)
        let second = WindowSource.candidates(bases: [0x1_0000_0000], size: 0x10_0000, avoid: .advertised)
        let beyond = decide(reserved, second, bits: 32, doorbells: [0x40])
        #expect(beyond.errno == .noSpace && beyond.doorbells.isEmpty)
        #expect(beyond.warnings.map(\.code) == [.windowBeyondAperture])
    }

    @Test(
        arguments: [
            (0x7ff_f000, 0x1000, 0x800_0000), (0x7ff_f000, 0x1001, 0xa000_0000), (0x80f_ffff, 1, 0xa000_0000),
            (0x80f_f000, 0x2000, 0xa000_0000), (0x810_0000, 0x1000, 0x800_0000), (0x800_0000, 0, 0x800_0000),
            (0x808_0000, 0, 0xa000_0000), (0x800_0001, 0, 0xa000_0000), (0x810_0000, 0, 0x800_0000),
            (0xffff_ffff_fff0_0000, 0x820_0000, 0x800_0000),
        ] as [(UInt64, UInt64, UInt64)])
    func edgesOfThePostedTest(start: UInt64, length: UInt64, base: UInt64) {
        #expect(decide(Self.inline([Self.region(start, length)]), Self.posted).window?.start.value == base)
    }

    @Test func zeroLengthAtZeroLeavesNothing() {
        let decision = decide(Self.inline([Self.region(0, 0)]), Self.posted)
        #expect(decision.outcome == .refused && decision.errno == .invalidArgument)
        #expect(
            ranges(Self.inline([Self.region(0x808_0000, 0)]), Self.posted)
                == ["0x0...0x807ffff", "0x8080000...0x9fffffff", "0xa0100000...0xffffffffffff"])
    }

    @Test func windowsWhoseBusOrderDiffersFail() {
        var device = Self.virt
        device.inboundWindows = [
            InboundWindow(busStart: 0x9000_0000, cpuStart: 0x4000_0000, size: 0x1000_0000),
            InboundWindow(busStart: 0x2000_0000, cpuStart: 0x6000_0000, size: 0x1000_0000),
        ]
        #expect(PreparedDevice(device, under: Conditions()).withheld.errno == .invalidArgument)
        #expect(decide(device).warnings.contains { $0.code == .dmaDomainSetupFails })
    }

    @Test func windowUpToTheTopReservesEverything() {
        var device = Self.virt
        device.inboundWindows = [InboundWindow(busStart: 1 << 63, cpuStart: 1 << 63, size: 1 << 63)]
        #expect(PreparedDevice(device, under: Conditions(apertureBits: 64)).withheld.free.isEmpty)
    }

    @Test(
        arguments: [
            (
                [(0x800_0000, 0x10_0000, .softwareMSI), (0x800_0000, 0x10_0000, .reserved)],
                "0x0000000008000000 0x00000000080fffff reserved\n0x0000000008000000 0x00000000080fffff msi\n"
            ),
            (
                [(0x1000, 0x1000, .reserved), (0x1800, 0x1000, .direct), (0x2000, 0x1000, .reserved)],
                "0x0000000000001000 0x0000000000002fff reserved\n0x0000000000001800 0x00000000000027ff direct\n"
            ),
            (
                [(0x5000, 0x1000, .reserved), (0x1000, 0x1000, .reserved), (0x2000, 0x3000, .reserved)],
                "0x0000000000001000 0x0000000000005fff reserved\n"
            ),
            (
                [(0x800_0000, 0, .direct), (0x800_0000, 0x10_0000, .softwareMSI)],
                "0x0000000008000000 0x0000000007ffffff direct\n0x0000000008000000 0x00000000080fffff msi\n"
            ),
            (
                [(0x800_0000, 0x10_0000, .softwareMSI), (0x800_0000, 0x10_0000, .softwareMSI)],
                "0x0000000008000000 0x00000000080fffff msi\n"
            ),
        ] as [([(UInt64, UInt64, ReservedRegion.Kind)], String)])
    func sysfs(regions: [(UInt64, UInt64, ReservedRegion.Kind)], text: String) {
        #expect(GroupRegionList(inserting: regions.map { Self.region($0.0, $0.1, $0.2) }).sysfsText() == text)
    }
}
