// Every hazard that is silent or late in Linux: one question, and the warning that names it.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Machines
import Testing

@Suite struct HazardTests {
    typealias W = Worked

    /// Number in the list of hazards, the code, and the question.
    static let hazards: [(Int, Warning.Code, Question)] = {
        let ask = MinimalQuestions.ask
        let mate = W.pci([W.region(0xfff0_0000, W.mib)])
        var crashing = W.pci()
        crashing.unappliedRegions = [
            UnappliedRegion(reason: .crashesKernel, region: nil, location: "/reserved-memory/msi")
        ]
        var unknown = W.pci()
        unknown.hasUnknownPCIWindows = true
        var skipped = W.pci()
        skipped.unappliedRegions = [
            UnappliedRegion(
                reason: .rmrWithoutPreservedConfiguration, region: W.region(0x800_0000, W.mib, .direct),
                location: "IORT node at 0x100")
        ]
        let tiny = IOVARange(proven: 0, 0x7ff_ffff)
        let virtio: (inout Question) -> Void = { $0.conditions.driver = .virtio }
        return [
            (
                1, .windowInReservedRegion,
                ask(.vfioType1, W.pci([W.region(0x800_0000, 1)]), .fixed, W.its) { _ in }
            ),
            (
                2, .windowBeyondAperture,
                ask(.vfioType1, W.pci(), .fixed, W.its) { $0.conditions.aperture = tiny }
            ),
            (3, .windowInDMARangesGap, ask(.iommufd, W.juno, .fixed, W.its) { _ in }),
            (3, .windowAboveDMALimit, ask(.vfioType1, W.pci(limit: 0x7ff_ffff), .fixed, W.its) { _ in }),
            (
                4, .windowInPCIWindow,
                ask(.iommufd, W.virt, W.user(0x1000_0000, W.mib), W.its) { _ in }
            ),
            (
                5, .mappingOnWindow,
                ask(.vfioType1, W.virt, .fixed, W.its) {
                    $0.mapChecks = [.fixed(iova: 0x800_0000, bytes: 0x1000)]
                }
            ),
            (
                6, .doorbellsPastWindow,
                ask(.vfioType1, W.virt, .fixed, (0..<17).map { $0 << 16 }) {
                    $0.conditions.pageSize = .kib64
                }
            ),
            (
                6, .doorbellPagesExhausted,
                ask(.iommufd, W.virt, .fixed, (0..<65).map { $0 << 12 }) { _ in }
            ),
            (
                7, .groupMateReservations,
                ask(.dmaAPI, W.pci(), .fixed, W.its) { $0.group = IOMMUGroup([W.pci(), mate]) }
            ),
            (
                8, .dmaDomainSetupFails,
                ask(
                    .dmaAPI,
                    W.pci(inbound: [W.inbound(0x9000_0000, 0x1000, cpu: 0), W.inbound(0, 0x1000, cpu: 1)]),
                    .fixed, W.its
                ) { _ in }
            ),
            (
                8, .inboundWindowLosesGranule,
                ask(.dmaAPI, W.juno, .fixed, W.its) { _ in }
            ),
            (
                8, .inboundWindowToTheTop,
                ask(.dmaAPI, W.pci(inbound: [W.inbound(1 << 63, 1 << 63)]), .fixed, W.its) {
                    $0.conditions.aperture = .full
                }
            ),
            (
                9, .hardwareMSIOnly,
                ask(.vfioType1, W.pci([W.region(0x809_0000, 0x1_0000, .msi)]), .fixed, W.its, virtio)
            ),
            (
                10, .hardwareAndSoftwareMSI,
                ask(.iommufd, W.pci([W.region(0xc601_0000, 0x1_0000, .msi)]), .fixed, W.its) { _ in }
            ),
            (11, .kernelCrashes, ask(.dmaAPI, crashing, .fixed, W.its) { _ in }),
            (
                12, .zeroLengthRegion,
                ask(.vfioType1, W.pci([W.region(0x808_0000, 0)]), .fixed, W.its) { _ in }
            ),
            (
                13, .baseZero,
                ask(.vfioType1, W.pci([W.region(0, W.mib, .softwareMSI)]), .fixed, W.its) { _ in }
            ),
            (
                14, .cookieOfFirstGroup,
                ask(.vfioType1, W.pci([W.region(0x800_0000, W.mib)]), W.posted, W.its) {
                    $0.earlierGroups = [AttachedGroup(IOMMUGroup(W.pci()))]
                }
            ),
            (15, .rmrSkipped, ask(.vfioType1, skipped, .fixed, W.its) { _ in }),
            (
                16, .directRegion,
                ask(.vfioType1, W.pci([W.region(0x1000, 0x1000, .direct)]), .fixed, W.its) { _ in }
            ),
            (17, .pciWindowsUnknown, ask(.vfioType1, unknown, .fixed, W.its) { _ in }),
            (17, .pciWindowsUnknown, ask(.dmaAPI, unknown, .fixed, W.its) { _ in }),
        ]
    }()

    @Test func eachIsNamed() {
        for (number, code, question) in Self.hazards {
            let codes = Decision.decide(question).warnings.map(\.code)
            #expect(codes.contains(code), "hazard \(number): \(codes)")
        }
        #expect(Set(Self.hazards.map(\.0)) == Set(1...17))
    }

    @Test func theOrdinaryMachineHasNone() {
        for consumer in Consumer.allCases { #expect(W.ask(consumer, W.virt).warnings.isEmpty) }
    }

    @Test func warningsAreBounded() {
        let regions = (0..<1_000).map { W.region(0x800_0000 + UInt64($0) * 0x10, 1) }
        #expect(W.ask(.vfioType1, W.pci(regions)).warnings.count <= Decision.warningsMax)
    }
}
