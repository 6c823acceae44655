// The consumer VFIO type1: a linear MSI cookie at the start of the software-MSI window. Mirrors
// drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group and drivers/iommu/dma-iommu.c:
// iommu_dma_get_msi_page, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import Platforms
import SMMUModel

enum VFIOType1 {
    static func decide<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision {
        let conditions = question.conditions
        let withheld = Withheld(for: question.device, under: conditions, usable: question.usable)
        let applied = question.device.firmwareRegions.filter {
            $0.isApplied(to: question.device, under: conditions)
        }
        if let refusal = refusedByDirectRegion(applied, withheld, &recorder) { return refusal }
        if let answer = hardware(applied, question, withheld, &recorder) { return answer }
        let window = CandidateChoice.choose(
            question.source, withheld: withheld, device: question.device, conditions, &recorder)
        if let refusal = refusedForLackOfRanges(applied, window, conditions, &recorder) { return refusal }
        var decision =
            window.map { placed($0, question, withheld, &recorder) }
            ?? noWindow(question, withheld)
        if withheld.errno != nil {
            decision.warnings.append(
                .init(
                    code: .dmaDomainSetupFails,
                    detail:
                        "The bus addresses of dma-ranges are not in the order of their CPU addresses: the DMA "
                        + "domain's set-up fails with EINVAL, and gaps behind the failure are not known.",
                    range: nil))
        }
        return decision
    }

    private static func refusedByDirectRegion<R: Recorder>(
        _ applied: [ReservedRegion], _ withheld: Withheld, _ recorder: inout R
    ) -> Decision? {
        guard let region = applied.first(where: { $0.kind == .direct }) else { return nil }
        let item = withheld.items.first { $0.type == .direct }
        let because =
            "Firmware wants \(region.provenanceText) at \(HexLiteral.text(region.start)) mapped one to "
            + "one, so Linux lets nobody take the group: claiming it fails with EINVAL."
        recorder.record(.groupDirectRegion, .rejected, candidate: nil, blocker: item, because)
        return Decision(
            outcome: .refused, isReachable: false, blockers: item.map { [$0] } ?? [], because: because,
            errno: .invalidArgument)
    }

    /// A group with hardware MSI regions gets no cookie; since 6.15 that fails when interrupts are set up.
    private static func hardware<R: Recorder>(
        _ applied: [ReservedRegion], _ question: Question, _ withheld: Withheld, _ recorder: inout R
    ) -> Decision? {
        guard let region = applied.first(where: { $0.kind == .msi }) else { return nil }
        let fails = question.conditions.kernel.refusesDomainsWithoutCookie
        let because =
            "The group has the hardware MSI region at \(HexLiteral.text(region.start)), so VFIO makes no "
            + "cookie"
            + (fails
                ? "; since Linux 6.15 setting up interrupts then fails with ENOSPC."
                : " and doorbells keep their physical addresses.")
        recorder.record(
            .hardwareMSIWins, fails ? .rejected : .accepted, candidate: nil,
            blocker: withheld.items.first { $0.kind == .hardwareMSI }, because)
        return Decision(
            outcome: .hardware, doorbells: fails ? [] : physical(question.doorbells, question.conditions),
            isReachable: !fails, because: because, errno: fails ? .noSpace : nil)
    }

    private static func refusedForLackOfRanges<R: Recorder>(
        _ applied: [ReservedRegion], _ window: IOVARange?, _ conditions: Conditions, _ recorder: inout R
    ) -> Decision? {
        let offered = window.map { [AdvertisedRegions.window($0.start.value, $0.sizeMinusOne &+ 1)] } ?? []
        // Whether anything is left does not depend on the order of the exclusions, so it is asked of the set:
        // the group's list costs a walk for every region. A region that wraps excludes nothing whole.
        let excluded = (offered + applied).filter { $0.kind != .directRelaxable }.compactMap { region in
            IOVARange(start: IOVA(region.start), last: IOVA(region.start &+ region.length &- 1))
        }
        guard IOVASet([conditions.aperture]).subtracting(IOVASet(excluded)).isEmpty else { return nil }
        let because = "The reserved regions leave no usable IOVA, so attaching the group fails with EINVAL."
        recorder.record(.rangesEmpty, .rejected, candidate: window, blocker: nil, because)
        return Decision(outcome: .refused, isReachable: false, because: because, errno: .invalidArgument)
    }

    private static func noWindow(_ question: Question, _ withheld: Withheld) -> Decision {
        let fails = question.conditions.kernel.refusesDomainsWithoutCookie
        let because =
            "Every candidate is blocked, so the driver offers no window"
            + (fails
                ? " and setting up interrupts fails with ENOSPC."
                : " and doorbells keep physical addresses, which the SMMU does not map.")
        var decision = Decision(
            outcome: .none, doorbells: fails ? [] : physical(question.doorbells, question.conditions),
            isReachable: false, because: because, errno: fails ? .noSpace : nil)
        if !fails {
            decision.warnings.append(
                .init(
                    code: .physicalDoorbell,
                    detail: "MSIs go to the physical doorbell through a translating SMMU and fault.",
                    range: nil))
        }
        return decision
    }

    private static func physical(_ doorbells: [PhysicalAddress], _ conditions: Conditions) -> [Decision
        .Doorbell]
    {
        doorbells.map {
            Decision.Doorbell(
                physical: $0, iova: IOVA($0.value), page: IOVA(conditions.pageSize.alignDown($0.value)))
        }
    }

    private static func placed<R: Recorder>(
        _ window: IOVARange, _ question: Question, _ withheld: Withheld, _ recorder: inout R
    ) -> Decision {
        let conditions = question.conditions
        recorder.record(
            .cookieBase, .noted, candidate: window, blocker: nil,
            "The MSI cookie starts at \(window.start.hex).")
        let blockers = withheld.items(overlapping: window)
        let isReachable = withheld.free.contains(window)
        let because: String
        if isReachable {
            because = "\(window.text) lies outside everything that the platform withholds."
            recorder.record(.reachable, .accepted, candidate: window, blocker: nil, because)
        } else {
            because = Obstacle.sentence(window, blockers.first, withheld, conditions)
            recorder.record(.unreachable, .rejected, candidate: window, blocker: blockers.first, because)
        }
        var decision = Decision(
            outcome: .window, window: window, isReachable: isReachable, blockers: blockers, because: because,
            warnings: Obstacle.warnings(window, blockers, withheld, conditions))
        var cursor = MSICookie(window: window, conditions: conditions)
        for doorbell in question.doorbells { cursor.map(doorbell, &recorder) }
        decision.doorbells = cursor.mapped
        decision.warnings += cursor.warnings
        if cursor.failed { decision.errno = .noSpace }
        return decision
    }
}

extension KernelRelease {
    /// Since 6.15 a domain without an MSI cookie refuses MSIs instead of passing them untranslated.
    var refusesDomainsWithoutCookie: Bool { self >= .v6_18 }
}
