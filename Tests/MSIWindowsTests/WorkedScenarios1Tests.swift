// Scenarios S1 to S14 of the policies page, with their exact values.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

@Suite struct WorkedScenarios1Tests {
    typealias W = Worked
    let usual = ["0-7ffffff", "8100000-ffffffffffff"]

    @Test func s1QEMUVirt() {
        for source in [.fixed, W.posted, W.r1, W.r2] { #expect(W.base(source, W.virt) == 0x800_0000) }
        #expect(W.messages(.dmaAPI, W.virt) == [0xffff_f040])
        let vfio = W.ask(.vfioType1, W.virt)
        #expect(vfio.doorbells.map(\.iova.value) == [0x800_0040] && W.ranges(vfio) == usual)
        let iommufd = W.ask(.iommufd, W.virt)
        #expect(iommufd.doorbells.map(\.iova.value) == [0x800_0040] && W.ranges(iommufd) == usual)
        #expect(W.messages(.iommufd, W.virt, W.user(0x7000_0000)) == [0x7000_0040])
        #expect(W.messages(.iommufd, W.virt, W.user(0x800_0000, W.mib)) == [0x800_0040])
        #expect(W.sysfs(W.virt) == "0x0000000008000000 0x00000000080fffff msi\n")
        // All devices of the domain share the page.
        #expect(
            W.messages(.dmaAPI, W.virt, doorbells: [0x809_0040, 0x809_0044]) == [0xffff_f040, 0xffff_f044])
    }

    @Test func s2ForceDAC() {
        var conditions = Conditions()
        conditions.forcesDAC = true
        #expect(W.messages(.dmaAPI, W.virt, .fixed, conditions) == [0xffff_ffff_f040])
        #expect(
            W.messages(.dmaAPI, W.virt, .fixed, conditions) { $0.dmaMask = 0xffff_ffff } == [0xffff_f040])
    }

    @Test func s3And4PageSizes() {
        let k16 = W.conditions(page: .kib16)
        #expect(W.messages(.dmaAPI, W.virt, .fixed, k16) == [0xffff_c040])
        #expect(
            W.messages(.vfioType1, W.virt, .fixed, k16, doorbells: [0x809_0040, 0x829_0040])
                == [0x800_0040, 0x800_4040])
        let k64 = W.conditions(page: .kib64)
        let two: [UInt64] = [0x809_0040, 0x829_0040]
        #expect(W.messages(.dmaAPI, W.virt, .fixed, k64, doorbells: two) == [0xffff_0040, 0xfffe_0040])
        for consumer in [Consumer.vfioType1, .iommufd] {
            #expect(
                W.messages(consumer, W.virt, .fixed, k64, doorbells: two) == [0x800_0040, 0x801_0040])
            let many = (0..<17).map { 0x1_0000_0040 + $0 << 20 } as [UInt64]
            let decision = W.ask(consumer, W.virt, .fixed, k64, doorbells: many)
            #expect(decision.doorbells.last?.iova.value == 0x810_0040)
            #expect(decision.warnings.map(\.code) == [.doorbellsPastWindow])
        }
        var only4K = k64
        only4K.smmuPageSizes = .kib4
        #expect(W.messages(.dmaAPI, W.virt, .fixed, only4K) == [0xffff_f040])
        #expect(
            W.messages(.vfioType1, W.virt, .fixed, only4K, doorbells: two) == [0x800_0040, 0x801_0040])
    }

    @Test func s5History() {
        let decision = W.ask(.dmaAPI, W.virt) { question in
            question.history = [0x1000, 0x4_0000, 0x3000].map {
                .map(bytes: $0, mask: 0xffff_ffff, member: 0)
            }
            question.dmaMask = 0xffff_ffff
        }
        #expect(decision.history.map { $0?.value } == [0xffff_f000, 0xfff8_0000, 0xfff7_c000])
        #expect(decision.doorbells.map(\.iova.value) == [0xfff7_b040])
    }

    @Test func s6ThreePages() {
        let doorbells: [UInt64] = [0x2_0201_0040, 0x2_0211_0040, 0x2_0221_0040]
        #expect(
            W.messages(.dmaAPI, W.virt, doorbells: doorbells) == [0xffff_f040, 0xffff_e040, 0xffff_d040])
        #expect(
            W.messages(.vfioType1, W.virt, doorbells: doorbells) == [0x800_0040, 0x800_1040, 0x800_2040])
    }

    @Test func s7Juno() {
        let conditions = W.conditions(bits: 40)
        let doorbells: [UInt64] = [0x2c1c_0040, 0x2c1d_0040]
        #expect(
            W.messages(.dmaAPI, W.juno, .fixed, conditions, doorbells: doorbells)
                == [0xffff_f040, 0xffff_e040])
        var forced = conditions
        forced.forcesDAC = true
        #expect(W.messages(.dmaAPI, W.juno, .fixed, forced, doorbells: doorbells).first == 0x9_ffff_f040)
        let domain = PreparedDevice(W.juno, under: conditions).freshDomain(under: conditions)
        let held = domain.iova.heldRanges.map {
            "\(W.hex($0.lo))-\(W.hex($0.hi))"
        }
        #expect(
            held == [
                "0-57fff", "58000-80000", "100000-800000", "a00000-40fffff", "4100000-fffffffffffff",
            ])
        for source in [.fixed, W.posted, W.r1, W.r2] { #expect(W.base(source, W.juno) == 0x800_0000) }
        #expect(W.base(W.r3r1, W.juno) == nil && W.base(W.r3r2, W.juno) == 0xa000_0000)
        var gicv2m = conditions
        gicv2m.hasIsolatedMSI = false
        gicv2m.allowsUnsafeInterrupts = false
        for consumer in [Consumer.vfioType1, .iommufd] {
            #expect(W.ask(consumer, W.juno, .fixed, gicv2m).errno == .notPermitted)
            #expect(W.ask(consumer, W.juno, W.r3r1, conditions).errno == .addressNotAvailable)
        }
        gicv2m.allowsUnsafeInterrupts = true
        let vfio = W.ask(.vfioType1, W.juno, .fixed, gicv2m)
        #expect(vfio.doorbells.map(\.iova.value) == [0x800_0040] && !vfio.isReachable)
        #expect(W.ranges(vfio) == ["0-7ffffff", "8100000-ffffffffff"])
        let chosen = W.ask(.iommufd, W.juno, W.user(0xa000_0000, W.mib), gicv2m)
        #expect(chosen.doorbells.map(\.iova.value) == [0xa000_0040] && chosen.isReachable)
    }

    @Test func s8Tegra() {
        let tegra = W.pci(limit: 0x7f_ffff_ffff)
        #expect(W.ranges(W.ask(.vfioType1, tegra)) == usual)
        #expect(W.messages(.dmaAPI, tegra) == [0xffff_f040])
        #expect(W.ask(.dmaAPI, tegra, doorbells: []).doorbells.isEmpty)
    }

    @Test func s9OneConstantReserved() {
        var device = W.pci([W.region(0x800_0000, W.mib)])
        device.pciWindows = [
            PCIWindow(
                kind: .memory, busStart: 0x1000_0000, cpuStart: 0x1000_0000, size: 0x2000_0000,
                is64Bit: false, isPrefetchable: false)
        ]
        let doorbell: [UInt64] = [0x63c3_0040]
        #expect(W.base(.fixed, device) == 0x800_0000 && W.base(W.posted, device) == 0xa000_0000)
        #expect(W.base(W.r1, device) == nil && W.base(W.r2, device) == 0xa000_0000)
        #expect(W.messages(.dmaAPI, device, doorbells: doorbell) == [0xffff_f040])
        let mainline = W.ask(.vfioType1, device, doorbells: doorbell)
        #expect(mainline.doorbells.map(\.iova.value) == [0x800_0040] && W.ranges(mainline) == usual)
        #expect(!mainline.isReachable && mainline.errno == nil)
        let v4 = W.ask(.vfioType1, device, W.posted, doorbells: doorbell)
        #expect(v4.doorbells.map(\.iova.value) == [0xa000_0040])
        #expect(W.ranges(v4) == ["0-7ffffff", "8100000-9fffffff", "a0100000-ffffffffffff"])
        #expect(W.messages(.iommufd, device) == [0x800_0040])
        #expect(W.messages(.iommufd, device, W.posted) == [0xa000_0040])
        #expect(W.ask(.iommufd, device, W.user(0x800_0000)).errno == .addressInUse)
        #expect(W.messages(.iommufd, device, W.user(0xa000_0000)) == [0xa000_0040])
        #expect(
            W.sysfs(device)
                == "0x0000000008000000 0x00000000080fffff reserved\n0x0000000008000000 0x00000000080fffff msi\n"
        )
    }

    @Test func s10BothConstantsReserved() {
        let device = W.pci([W.region(0x800_0000, W.mib), W.region(0xa000_0000, W.mib)])
        let doorbell: [UInt64] = [0x63c3_0040]
        let ranges = ["0-7ffffff", "8100000-9fffffff", "a0100000-ffffffffffff"]
        #expect(W.base(.fixed, device) == 0x800_0000)
        for source in [W.posted, W.r1, W.r2] { #expect(W.base(source, device) == nil) }
        #expect(W.messages(.dmaAPI, device, doorbells: doorbell) == [0xffff_f040])
        #expect(W.messages(.vfioType1, device) == [0x800_0040])
        let v4 = W.ask(.vfioType1, device, W.posted, doorbells: doorbell)
        #expect(v4.outcome == .none && v4.errno == .noSpace && W.ranges(v4) == ranges)
        #expect(
            W.messages(.vfioType1, device, W.posted, W.conditions(.v6_12), doorbells: doorbell)
                == [0x63c3_0040])
        let fd = W.ask(.iommufd, device, W.posted, doorbells: doorbell)
        #expect(fd.doorbells.map(\.iova.value) == [0x63c3_0040] && fd.errno == nil && !fd.isReachable)
        #expect(fd.warnings.map(\.code) == [.physicalDoorbell])
        for start: UInt64 in [0x800_0000, 0xa000_0000] {
            #expect(W.ask(.iommufd, device, W.user(start)).errno == .addressInUse)
        }
        let over = WindowSource.user(UserWindow(start: 0x7000_0000, driver: W.posted))
        let unreserved = W.ask(.iommufd, device, over)
        #expect(unreserved.doorbells.map(\.iova.value) == [0x7000_0040] && W.ranges(unreserved) == ranges)
        #expect(unreserved.warnings.map(\.code) == [.optionUnreserved])
    }

    @Test func s11SecondConstantReserved() {
        let device = W.pci([W.region(0xa000_0000, W.mib)])
        for source in [.fixed, W.posted, W.r1, W.r2] { #expect(W.base(source, device) == 0x800_0000) }
        let vfio = W.ask(.vfioType1, device)
        #expect(W.ranges(vfio) == ["0-7ffffff", "8100000-9fffffff", "a0100000-ffffffffffff"])
        #expect(vfio.doorbells.map(\.iova.value) == [0x800_0040])
    }

    @Test func s12HiSiliconD05() {
        let device = W.pci([W.region(0xc601_0000, 0x1_0000, .msi)])
        let doorbell: [UInt64] = [0xc601_0040]
        for source in [.fixed, W.posted, W.r1, W.r2] { #expect(W.base(source, device) == 0x800_0000) }
        for page in [Granule.kib4, .kib64] {
            #expect(
                W.messages(.dmaAPI, device, .fixed, W.conditions(page: page), doorbells: doorbell)
                    == doorbell)
        }
        #expect(
            W.messages(.dmaAPI, device, doorbells: [0xc701_0040, 0xc601_0040]) == [0xffff_f040, 0xc601_0040])
        let vfio = W.ask(.vfioType1, device, doorbells: doorbell)
        #expect(vfio.outcome == .hardware && vfio.errno == .noSpace && vfio.doorbells.isEmpty)
        #expect(W.ranges(vfio) == ["0-7ffffff", "8100000-c600ffff", "c6020000-ffffffffffff"])
        #expect(
            W.messages(.vfioType1, device, .fixed, W.conditions(.v6_12), doorbells: doorbell) == doorbell)
        #expect(W.ask(.iommufd, device).errno == .invalidArgument)
        #expect(W.ask(.iommufd, device, W.user(0x7000_0000)).errno == .invalidArgument)
    }

    @Test func s13VirtIO() {
        let device = W.pci([W.region(0x809_0000, 0x1_0000, .msi)])
        var conditions = W.conditions(bits: 64)
        conditions.driver = .virtio
        for source in [.fixed, W.posted] { #expect(W.base(source, device, conditions) == nil) }
        #expect(W.base(W.posted, device) == 0xa000_0000)
        #expect(W.messages(.dmaAPI, device, .fixed, conditions) == W.its)
        let vfio = W.ask(.vfioType1, device, .fixed, conditions)
        #expect(vfio.errno == .noSpace && W.ranges(vfio) == ["0-808ffff", "80a0000-ffffffffffffffff"])
        for kernel in [KernelProfile.v6_18, .v7_2] {
            conditions.kernel = kernel
            #expect(W.ask(.vfioType1, device, .fixed, conditions).errno == .noSpace)
        }
        conditions.kernel = .v6_12
        #expect(W.messages(.vfioType1, device, .fixed, conditions) == W.its)
        conditions.kernel = .v7_2
        let fd = W.ask(.iommufd, device, .fixed, conditions)
        #expect(fd.doorbells.map(\.iova.value) == W.its && fd.outcome == .hardware && fd.isReachable)
    }

    @Test(
        arguments: [(0xffff_ffff, 0xffff_f040), (0x3fff_ffff, 0x3fff_f040), (0x1fff_ffff, 0x0fff_f040)]
            as [(UInt64, UInt64)])
    func s14Masks(mask: UInt64, message: UInt64) {
        // The last hole below 29 bits lies under the outbound window.
        #expect(W.messages(.dmaAPI, W.virt) { $0.dmaMask = mask } == [message])
        #expect(W.messages(.vfioType1, W.virt) { $0.dmaMask = mask } == [0x800_0040])
    }
}
