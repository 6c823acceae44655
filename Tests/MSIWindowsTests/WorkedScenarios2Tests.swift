// Scenarios S15 to S27 of the policies page, with their exact values.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

@Suite struct WorkedScenarios2Tests {
    typealias W = Worked
    let usual = ["0-7ffffff", "8100000-ffffffffffff"]

    @Test func s15DirectOverTheWindow() {
        let device = W.pci([W.region(0x800_0000, W.mib, .direct)])
        #expect(W.base(.fixed, device) == 0x800_0000 && W.base(W.posted, device) == 0xa000_0000)
        #expect(W.base(W.r1, device) == nil && W.base(W.r2, device) == 0xa000_0000)
        #expect(W.messages(.dmaAPI, device) == [0xffff_f040])
        for source in [.fixed, W.posted, W.r1, W.user(0xa000_0000), .none] {
            for consumer in [Consumer.vfioType1, .iommufd] {
                let decision = W.ask(consumer, device, source)
                #expect(decision.outcome == .refused && decision.errno == .invalidArgument)
                #expect(decision.warnings.first?.code == .directRegion)
            }
        }
        #expect(
            W.sysfs(device)
                == "0x0000000008000000 0x00000000080fffff direct\n0x0000000008000000 0x00000000080fffff msi\n"
        )
    }

    @Test func s16RelaxableOverTheWindow() {
        let device = W.pci([W.region(0x100_0000, 0x1000_0000, .directRelaxable)])
        #expect(W.base(.fixed, device) == 0x800_0000)
        #expect(W.base(W.posted, device) == 0xa000_0000 && W.base(W.r2, device) == 0xa000_0000)
        #expect(W.base(W.r1, device) == nil)
        var platform = device
        platform.kind = .platform
        #expect(W.messages(.dmaAPI, platform) == [0xffff_ffff_f040])
        #expect(W.messages(.dmaAPI, platform) { $0.dmaMask = 0xffff_ffff } == [0xffff_f040])
        let mainline = W.ask(.vfioType1, device)
        #expect(mainline.doorbells.map(\.iova.value) == [0x800_0040] && W.ranges(mainline) == usual)
        // The posted rule moves needlessly: the region is dropped when the device is handed over.
        #expect(mainline.isReachable == true && mainline.blockers.isEmpty)
        #expect(mainline.warnings.map(\.code).contains(.windowInRelaxableRegion))
        #expect(W.ask(.iommufd, device).isReachable == true)
        let v4 = W.ask(.vfioType1, device, W.posted)
        #expect(v4.doorbells.map(\.iova.value) == [0xa000_0040])
        #expect(W.ranges(v4) == ["0-9fffffff", "a0100000-ffffffffffff"])
        #expect(W.messages(.iommufd, device, W.user(0x200_0000)) == [0x200_0040])
    }

    @Test func s18SmallApertures() {
        #expect(W.messages(.dmaAPI, W.pci(), .fixed, W.conditions(bits: 32)) == [0xffff_f040])
        #expect(
            W.ranges(W.ask(.vfioType1, W.pci(), .fixed, W.conditions(bits: 32)))
                == ["0-7ffffff", "8100000-ffffffff"])
        let b31 = W.conditions(bits: 31)
        #expect(W.messages(.dmaAPI, W.pci(), .fixed, b31) == [0x7fff_f040])
        #expect(W.messages(.vfioType1, W.pci(), .fixed, b31) == [0x800_0040])
        let beyond = W.ask(.vfioType1, W.pci([W.region(0x800_0000, W.mib)]), W.posted, b31)
        #expect(beyond.window?.start.value == 0xa000_0000 && beyond.errno == .noSpace)
        #expect(beyond.outcome == .window && beyond.doorbells.isEmpty)
        let b27 = W.conditions(bits: 27)
        #expect(W.messages(.dmaAPI, W.pci(), .fixed, b27) == [0x7ff_f040])
        let past = W.ask(.vfioType1, W.pci(), .fixed, b27)
        #expect(past.errno == .noSpace && W.ranges(past) == ["0-7ffffff"])
        #expect(past.warnings.map(\.code) == [.windowBeyondAperture])
        #expect(W.base(W.r3r2, W.pci(), b27) == nil)
        let posted = W.ask(.iommufd, W.pci(), W.user(0x800_0000, W.mib), b27)
        #expect(posted.outcome == .window && posted.errno == .noSpace)
        #expect(posted.warnings.contains { $0.code == .optionUnchecked })
        let intended = W.ask(.iommufd, W.pci(), W.user(0x800_0000, W.mib, .asIntended), b27)
        #expect(intended.outcome == .refused && intended.errno == .addressInUse)
        #expect(W.messages(.iommufd, W.pci(), W.user(0x700_0000, W.mib), b27) == [0x700_0040])
    }

    @Test(
        arguments: [
            (0x7ff_f000, 0x1000, 0x800_0000, ["0-7ffefff", "8100000-ffffffffffff"]),
            (0x7ff_f000, 0x1001, 0xa000_0000, nil),
            (
                0x7ff_f000, 0x2000, 0xa000_0000,
                ["0-7ffefff", "8001000-9fffffff", "a0100000-ffffffffffff"]
            ),
            (0x80f_ffff, 1, 0xa000_0000, ["0-80ffffe", "8100000-9fffffff", "a0100000-ffffffffffff"]),
            (
                0x80f_f000, 0x2000, 0xa000_0000,
                ["0-80fefff", "8101000-9fffffff", "a0100000-ffffffffffff"]
            ),
            (0x810_0000, 0x1000, 0x800_0000, ["0-7ffffff", "8101000-ffffffffffff"]),
            (0, .max, nil, []),
            // S20: no bytes.
            (0x800_0000, 0, 0x800_0000, ["0-7ffffff", "8100000-ffffffffffff"]),
            (0x808_0000, 0, 0xa000_0000, ["0-807ffff", "8080000-9fffffff", "a0100000-ffffffffffff"]),
            (0x800_0001, 0, 0xa000_0000, ["0-8000000", "8000001-9fffffff", "a0100000-ffffffffffff"]),
            (0x80f_ffff, 0, 0xa000_0000, ["0-80ffffe", "80fffff-9fffffff", "a0100000-ffffffffffff"]),
            (0x810_0000, 0, 0x800_0000, ["0-7ffffff", "8100000-ffffffffffff"]),
            (0, 0, nil, []),
            (0xffff_f000, 0, 0x800_0000, ["0-7ffffff", "8100000-ffffefff", "fffff000-ffffffffffff"]),
            // S21: past 2^64.
            (
                0xffff_ffff_fff0_0000, 0x820_0000, 0x800_0000,
                ["0-7ffffff", "8100000-ffffffffffff"]
            ),
        ] as [(UInt64, UInt64, UInt64?, [String]?)])
    func s19To21Edges(start: UInt64, length: UInt64, base: UInt64?, ranges: [String]?) {
        let device = W.pci([W.region(start, length)])
        #expect(W.base(W.posted, device) == base)
        let decision = W.ask(.vfioType1, device, W.posted)
        if let ranges {
            #expect(W.ranges(decision) == ranges)
            if ranges.isEmpty { #expect(decision.errno == .invalidArgument && decision.outcome == .refused) }
        }
    }

    @Test func s20ZeroLengthElsewhere() {
        let split = W.ask(.vfioType1, W.pci([W.region(0x808_0000, 0)]), W.posted) {
            $0.mapChecks = [
                .fixed(iova: 0x807_f000, bytes: 0x2000), .fixed(iova: 0x808_0000, bytes: 0x1000),
            ]
        }
        #expect(split.mapResults.map(\.errno) == [.invalidArgument, nil])
        #expect(split.warnings.contains { $0.code == .zeroLengthRegion })
        #expect(W.messages(.dmaAPI, W.pci([W.region(0x808_0000, 0)])) == [0xffff_f040])
        let nothing = W.ask(.dmaAPI, W.pci([W.region(0, 0)]))
        #expect(nothing.outcome == .none && nothing.errno == .noMemory)
        let marker = W.ask(.dmaAPI, W.pci([W.region(0xffff_f000, 0)]))
        #expect(marker.doorbells.map(\.iova.value) == [0xffff_f040])
        #expect(marker.warnings.map(\.code) == [.zeroLengthRegion, .untrackedPage])
        #expect(
            W.sysfs(W.pci([W.region(0x800_0000, 0)])).hasPrefix(
                "0x0000000008000000 0x0000000007ffffff reserved\n"))
    }

    @Test func s21WrapAround() {
        let device = W.pci([W.region(0xffff_ffff_fff0_0000, 0x820_0000)])
        #expect(W.messages(.dmaAPI, device) == [0xffff_f040])
        #expect(W.ask(.vfioType1, device).warnings.contains { $0.code == .wrappingRegion })
        #expect(W.sysfs(device).contains("0xfffffffffff00000 0x00000000080fffff reserved\n"))
    }

    @Test func s22OnlyAbove4G() {
        let device = W.pci(inbound: [W.inbound(0x8_0000_0000, 0x2_0000_0000)], limit: 0x9_ffff_ffff)
        var recorder = StepRecorder(limit: 64)
        let decision = Decision.decide(
            Question(device: device, consumer: .dmaAPI, doorbells: [PhysicalAddress(0x809_0040)]),
            recorder: &recorder)
        #expect(decision.doorbells.map(\.iova.value) == [0x9_ffff_f040])
        #expect(recorder.steps.contains { $0.rule == .gaveUpBelow4G && $0.text.contains("36-bit") })
        let vfio = W.ask(.vfioType1, device)
        #expect(vfio.doorbells.map(\.iova.value) == [0x800_0040] && !vfio.isReachable)
    }

    @Test(
        arguments: [(0x1000, []), (0x2000, [0x8000_1040]), (0x3000, [0x8000_2040, 0x8000_1040])]
            as [(UInt64, [UInt64])])
    func s23TinyInboundWindow(size: UInt64, messages: [UInt64]) {
        let device = W.pci(
            inbound: [W.inbound(0x8000_0000, size)], limit: 0x8000_0000 + size - 1)
        let doorbells = [0x809_0040, 0x829_0040].prefix(max(1, messages.count)) as ArraySlice<UInt64>
        let decision = W.ask(.dmaAPI, device, doorbells: Array(doorbells))
        #expect(decision.doorbells.map(\.iova.value) == messages)
        #expect((decision.outcome == .none) == messages.isEmpty)
        #expect(decision.warnings.contains { $0.code == .inboundWindowLosesGranule })
    }

    @Test func s24BusOrderDiffers() {
        let device = W.pci(
            inbound: [
                W.inbound(0x9000_0000, 0x1000_0000, cpu: 0x4000_0000),
                W.inbound(0x2000_0000, 0x1000_0000, cpu: 0x6000_0000),
            ], limit: 0x9fff_ffff)
        let decision = W.ask(.dmaAPI, device)
        #expect(decision.doorbells.map(\.iova.value) == [0x9fff_f040])
        #expect(decision.warnings.contains { $0.code == .dmaDomainSetupFails })
        let domain = PreparedDevice(device, under: Conditions()).freshDomain(under: Conditions())
        #expect(domain.errno == .invalidArgument)
        #expect(domain.reservations.misplacedWindow == 0x2000_0000)
    }

    @Test(
        arguments: [
            (0xfff0_0000, 0x10_0000, 0xffef_f040), (0xffff_f000, 0x1000, 0xffff_e040),
            (0xffff_e800, 0x1000, 0xffff_d040),
        ] as [(UInt64, UInt64, UInt64)])
    func s25TopOf32Bits(start: UInt64, length: UInt64, message: UInt64) {
        #expect(W.messages(.dmaAPI, W.pci([W.region(start, length)])) == [message])
    }

    @Test func s26GroupOfTwo() {
        var a = W.pci([W.region(0xa000_0000, W.mib)])
        var b = W.pci([W.region(0x800_0000, W.mib)])
        a.id = "a"
        b.id = "b"
        let group = IOMMUGroup([a, b])
        func decide(_ consumer: Consumer, _ source: WindowSource, _ group: IOMMUGroup) -> Decision {
            Decision.decide(
                Question(
                    group: group, consumer: consumer, source: source,
                    doorbells: [PhysicalAddress(0x809_0040)]))
        }
        #expect(W.base(W.posted, a) == 0x800_0000 && W.base(W.posted, b) == 0xa000_0000)
        let v4 = decide(.vfioType1, W.posted, group)
        #expect(v4.doorbells.map(\.iova.value) == [0xa000_0040] && !v4.isReachable)
        #expect(W.ranges(v4) == ["0-7ffffff", "8100000-9fffffff", "a0100000-ffffffffffff"])
        #expect(v4.warnings.contains { $0.code == .severalWindows })
        #expect(decide(.iommufd, W.posted, group).doorbells.map(\.iova.value) == [0xa000_0040])
        let reversed = decide(.iommufd, W.posted, IOMMUGroup([b, a]))
        #expect(reversed.doorbells.map(\.iova.value) == [0x800_0040])
        #expect(decide(.dmaAPI, .fixed, group).doorbells.map(\.iova.value) == [0xffff_f040])
        b.firmwareRegions = [W.region(0xfff0_0000, W.mib)]
        let inside = decide(.dmaAPI, .fixed, IOMMUGroup([a, b]))
        #expect(inside.doorbells.map(\.iova.value) == [0xffff_f040] && !inside.isReachable)
        #expect(inside.warnings.map(\.code) == [.groupMateReservations])
    }

    @Test func s27TwoGroupsInOneContainer() {
        let first = W.pci()
        let second = W.pci([W.region(0x800_0000, W.mib)])
        let decision = W.ask(.vfioType1, second, W.posted) {
            $0.earlierGroups = [AttachedGroup(IOMMUGroup(first))]
        }
        #expect(decision.doorbells.map(\.iova.value) == [0x800_0040] && !decision.isReachable)
        #expect(W.ranges(decision) == ["0-7ffffff", "8100000-9fffffff", "a0100000-ffffffffffff"])
        #expect(decision.warnings.contains { $0.code == .cookieOfFirstGroup })
    }
}
