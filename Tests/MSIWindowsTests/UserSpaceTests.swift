// VFIO and iommufd as user space meets them: errno in order, ranges, mappings, automatic placement, and the
// posted options with their self-test's values.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct UserSpaceTests {
    typealias W = Worked

    @Test func mapsAsObservedOnVirt() {
        let checks: [(UInt64, UInt64, Errno?)] = [
            (0x7ff_0000, 0x2_0000, .invalidArgument), (0x7ff_f000, 0x1000, nil),
            (0x800_0000, 0x1000, .invalidArgument), (0x80f_f000, 0x1000, .invalidArgument),
            (0x810_0000, 0x1000, nil), (0xffff_ffff_f000, 0x1000, nil),
            (0x1_0000_0000_0000, 0x1000, .invalidArgument), (0x1000, 0, .invalidArgument),
            (0x1001, 0x1000, .invalidArgument), (0x1000, 0x1001, .invalidArgument),
            (0xffff_ffff_ffff_f000, 0x2000, .overflow),
        ]
        for (kernel, overflow) in [(KernelProfile.v7_2, Errno.overflow), (.v6_12, .invalidArgument)] {
            let decision = W.ask(.vfioType1, W.virt, .fixed, W.conditions(kernel)) {
                $0.mapChecks = checks.map { .fixed(iova: $0.0, bytes: $0.1) }
            }
            #expect(
                decision.mapResults.map(\.errno) == checks.map { $0.2 == .overflow ? overflow : $0.2 })
        }
        let fd = W.ask(.iommufd, W.virt) {
            $0.mapChecks = checks.map { .fixed(iova: $0.0, bytes: $0.1) }
        }
        // iommufd leaves the length to iommu_map, which takes whole pages.
        #expect(fd.mapResults.map(\.errno) == checks.map(\.2))
    }

    @Test func automaticPlacement() {
        let decision = W.ask(.iommufd, W.virt) {
            $0.mapChecks = [
                .automatic(bytes: 0x1000, userAddress: 0x7f00_0000_1000),
                .automatic(bytes: 0x800_0000, userAddress: 0x7f00_0020_0000),
                .automatic(bytes: 0, userAddress: 0x1000),
                .automatic(bytes: .max / 2, userAddress: 0x1000),
                .automatic(bytes: 0x1000, userAddress: 0x7f00_0000_1001),
                .automatic(bytes: 1 << 62, userAddress: 0),
            ]
        }
        #expect(decision.mapResults.map { $0.iova?.value } == [0x1000, 0x820_0000, nil, nil, nil, nil])
        #expect(
            decision.mapResults.map(\.errno)
                == [nil, nil, .overflow, .overflow, .invalidArgument, .noSpace])
        let allowed = W.ask(.iommufd, W.virt) {
            $0.allowed = [IOVARange(proven: 0x900_0000, 0x9ff_ffff)]
            $0.mapChecks = [.automatic(bytes: 0x1000, userAddress: 0)]
        }
        #expect(allowed.mapResults.first?.iova?.value == 0x900_0000)
    }

    @Test func taken() {
        let mapping = IOVARange(proven: 0x1000_0000, 0x1000_0fff)
        for consumer in [Consumer.vfioType1, .iommufd] {
            let decision = W.ask(consumer, W.virt) {
                if consumer == .vfioType1 { $0.earlierGroups = [AttachedGroup(IOMMUGroup(W.virt))] }
                $0.mappings = []
                $0.mapChecks = [.fixed(iova: 0x1000_0000, bytes: 0x1000)]
            }
            #expect(decision.mapResults[0].errno == nil)
            let busy = W.ask(consumer, W.pci()) {
                $0.mappings = [mapping]
                $0.mapChecks = [.fixed(iova: 0x1000_0000, bytes: 0x1000)]
            }
            #expect(busy.mapResults[0].errno == .exists)
        }
    }

    @Test func selfTestOfThePostedOptions() {
        let device = W.pci([W.region(0x8000_0000, 0x1000_0000)])
        func errno(_ start: UInt64?, _ size: UInt64? = nil) -> Errno? {
            let decision = W.ask(.iommufd, device, W.user(start, size), W.conditions(bits: 64))
            return decision.outcome == .refused ? decision.errno : nil
        }
        for start: UInt64 in [0x7fff_ffff, 0x7fff_ff00, 0x7fff_0000] {
            #expect(errno(start) == .invalidArgument)
        }
        for start: UInt64 in [0x8000_0000, 0x8040_0000, 0x8ff0_0000] {
            #expect(errno(start) == .addressInUse)
        }
        #expect(errno(0x7ff0_0000) == nil && errno(0x7ff0_0000, 2 * W.mib) == .addressInUse)
        #expect(errno(.max - W.mib + 1) == nil && errno(.max - W.mib + 1, 2 * W.mib) == .overflow)
        #expect(errno(0x7000_0000, 2 * W.mib) == nil && errno(0x7000_0000, 0) == nil)
        #expect(errno(nil, W.mib) == .invalidArgument)
        #expect(errno(0x7000_0000, W.mib + 1) == .invalidArgument)
    }

    @Test func defectsAsPostedAndAsIntended() {
        // (a) Without the option the driver's window is lost, or kept.
        let lost = W.ask(.iommufd, W.virt, W.user(nil))
        #expect(lost.doorbells.map(\.iova.value) == W.its && lost.outcome == .none)
        #expect(lost.warnings.map(\.code).contains(.optionNotSet))
        #expect(W.messages(.iommufd, W.virt, W.user(nil, nil, .asIntended)) == [0x800_0040])
        // (b) SIZE 0 reserves the driver's window, or the chosen one.
        let ignored = W.ask(.iommufd, W.virt, W.user(0x7000_0000))
        #expect(W.ranges(ignored) == ["0-7ffffff", "8100000-ffffffffffff"])
        #expect(ignored.warnings.map(\.code) == [.optionSizeIgnored])
        let kept = W.ask(.iommufd, W.virt, W.user(0x7000_0000, nil, .asIntended))
        #expect(W.ranges(kept) == ["0-6fffffff", "70100000-ffffffffffff"] && kept.warnings.isEmpty)
        #expect(
            W.ranges(W.ask(.iommufd, W.virt, W.user(0x7000_0000, 2 * W.mib)))
                == ["0-6fffffff", "70200000-ffffffffffff"])
        // (d) Other devices of the group.
        let mate = W.pci([W.region(0x7000_0000, W.mib)])
        let group = IOMMUGroup([mate, W.pci()], subject: 1)
        for (reading, errno) in [(UserWindow.Reading.asPosted, Errno?.none), (.asIntended, .addressInUse)] {
            let decision = Decision.decide(
                Question(group: group, consumer: .iommufd, source: W.user(0x7000_0000, W.mib, reading)))
            #expect(decision.errno == errno)
            #expect(
                decision.outcome == .refused
                    || decision.warnings.contains { $0.code == .groupMateReservations })
            // And of those that share the address space.
            var shared = Question(
                group: IOMMUGroup([W.pci()], subject: 0), consumer: .iommufd,
                source: W.user(0x7000_0000, W.mib, reading))
            shared.earlierGroups = [AttachedGroup(IOMMUGroup([mate], subject: 0))]
            #expect(Decision.decide(shared).errno == errno)
        }
    }

    @Test func iommufdBeforeItsOwnMap() {
        let two: [UInt64] = [0x809_0040, 0x829_0040]
        #expect(
            W.messages(.iommufd, W.virt, .fixed, W.conditions(.v6_12), doorbells: two)
                == [0x800_0040, 0x800_1040])
        let many = W.ask(
            .iommufd, W.virt, .fixed, W.conditions(.v6_12), doorbells: (0..<65).map { $0 << 12 })
        #expect(many.errno == nil && many.doorbells.count == 65)
        #expect(W.ask(.iommufd, W.virt, .fixed, W.conditions(.v6_1)).errno == .noEntry)
        // Address 0 is an address like any other for the map, but not for the cookie.
        let zero = W.pci([W.region(0, W.mib, .softwareMSI)])
        #expect(W.messages(.iommufd, zero) == [0x40])
        #expect(W.messages(.vfioType1, zero, doorbells: two) == [0x1040])
    }

    @Test func identityAndNoGroup() {
        var conditions = Conditions()
        conditions.defaultDomain = .identity
        #expect(W.ask(.dmaAPI, W.virt, .fixed, conditions).outcome == .identity)
        #expect(W.messages(.dmaAPI, W.virt, .fixed, conditions) == W.its)
        #expect(W.messages(.vfioType1, W.virt, .fixed, conditions) == [0x800_0040])
        conditions.defaultDomain = .none
        #expect(W.messages(.dmaAPI, W.virt, .fixed, conditions) == W.its)
        #expect(W.ask(.vfioType1, W.virt, .fixed, conditions).errno == .noEntry)
    }

    @Test func dynamicSearches() {
        func window(_ preference: WindowSource.Preference, _ device: Device) -> UInt64? {
            W.ask(.vfioType1, device, .dynamic(prefer: preference, size: W.mib)).window?.start.value
        }
        #expect(window(.nearestDefault, W.virt) == 0x800_0000)
        #expect(window(.lowest, W.virt) == 0x10_0000)
        #expect(window(.highestBelow4G, W.virt) == 0xfff0_0000)
        #expect(window(.nearestDefault, W.juno) == 0x8010_0000)
        #expect(window(.lowest, W.juno) == 0x8010_0000)
        let full = W.pci([W.region(0, 1 << 47)], limit: 1 << 46)
        #expect(W.ask(.vfioType1, full, .dynamic(prefer: .lowest, size: W.mib)).outcome == .none)
    }

    @Test func releasesDiffer() {
        let direct = W.pci([W.region(0x8000_0000, W.mib, .direct)])
        #expect(W.ask(.vfioType1, direct, .fixed, W.conditions(.v6_12)).outcome == .refused)
        let old = W.ask(.vfioType1, direct, .fixed, W.conditions(.v6_1))
        #expect(old.outcome == .window && old.warnings.map(\.code) == [.directRegionUnenforced])
        var function = W.pci([
            ReservedRegion(
                kind: .reserved, start: 0x800_0000, length: W.mib, provenance: .deviceTreeNode(path: "/r"))
        ])
        function.kind = .pciFunction
        #expect(!W.ask(.vfioType1, function).isReachable)
        // Linux takes the window without looking; the device is kept out of it all the same.
        let ignored = W.ask(.vfioType1, function, .fixed, W.conditions(.v6_1))
        #expect(ignored.outcome == .window && ignored.ranges?.count == 2 && !ignored.isReachable)
        #expect(
            ignored.because.contains(
                "(reserved region /r, not applied: Linux 6.1 ignores that firmware keeps"))
        // Failing once below 4 GiB is remembered since 6.4: 64 pages are there, and free again later.
        let tight = W.pci([W.region(0, 0xfffc_0000)])
        for (kernel, last) in [(KernelProfile.v6_1, 0xffff_f000), (.v7_2, 0xffff_ffff_e000)]
            as [(KernelProfile, UInt64)]
        {
            let decision = W.ask(.dmaAPI, tight, .fixed, W.conditions(kernel)) {
                $0.history = [
                    .map(bytes: 0x4_0000, mask: 0xffff_ffff, member: 0),
                    .map(bytes: 0x1000, mask: .max, member: 0), .unmap(index: 0),
                    .map(bytes: 0x1000, mask: .max, member: 0),
                ]
            }
            #expect(decision.history.map { $0?.value } == [0xfffc_0000, 0xffff_ffff_f000, nil, last])
        }
    }
}
