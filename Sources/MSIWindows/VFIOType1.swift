// The consumer VFIO type1: the group is attached to a container, and doorbells are mapped with the cookie
// of the container's domain. Mirrors drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group and
// drivers/iommu/dma-iommu.c: iommu_dma_get_msi_page, Linux 7.2.

import AddressSpaces
import Platforms
import SMMUModel

enum VFIOType1 {
    static func decide<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision {
        var container = VFIOContainer(conditions: question.conditions, mappings: question.mappings)
        var ignored = NoRecorder()
        for earlier in question.earlierGroups {
            container.conditions.aperture = earlier.aperture ?? question.conditions.aperture
            if case .failure(let error) = attach(earlier.group, question, &container, &ignored) {
                return finished(Self.earlier(error.refusal, earlier.group), question)
            }
        }
        container.conditions.aperture = question.conditions.aperture
        let domain: VFIOContainer.Domain
        let regions: GroupRegionList
        switch attach(question.group, question, &container, &recorder) {
        case .failure(let error): return finished(error.refusal.decision, question)
        case .success(let attached): (domain, regions) = attached
        }
        var decision = self.decision(question, domain, &recorder)
        decision.ranges = KnownRanges.bounding(container.list.ranges, by: question.usable)
        checkMaps(question, container, domain, &decision, &recorder)
        Hazards.warn(aboutWindows: regions, of: question, used: domain.window, &decision)
        return finished(decision, question)
    }

    /// All that happens before interrupts are set up, in Linux's order.
    static func attach<R: Recorder>(
        _ group: IOMMUGroup, _ question: Question, _ container: inout VFIOContainer, _ recorder: inout R
    ) -> Result<(domain: VFIOContainer.Domain, regions: GroupRegionList), RefusalError> {
        if let refusal = GroupClaim.refusal(group, question.conditions, &recorder) {
            return .failure(RefusalError(refusal))
        }
        let offers = GroupClaim.offers(group, question, &recorder)
        if let refusal = GroupClaim.refusalWithoutWindow(offers, &recorder) {
            return .failure(RefusalError(refusal))
        }
        return container.attach(group, offers: offers, question, &recorder)
    }

    static func earlier(_ refusal: Refusal, _ group: IOMMUGroup) -> Decision {
        var refusal = refusal
        refusal.because = "The earlier group of \(group.device.id) is not attached itself: \(refusal.because)"
        return refusal.decision
    }

    private static func finished(_ decision: Decision, _ question: Question) -> Decision {
        var decision = decision
        Hazards.warn(about: question, &decision)
        Hazards.warn(aboutAssignment: question, &decision)
        return decision
    }

    private static func decision<R: Recorder>(
        _ question: Question, _ domain: VFIOContainer.Domain, _ recorder: inout R
    ) -> Decision {
        if let window = domain.window { return placed(window, question, &recorder) }
        return domain.hasHardwareMSI ? hardware(question, &recorder) : noWindow(question, &recorder)
    }

    /// A group with hardware MSI regions gets no cookie; since 6.15 that fails when interrupts are set up.
    private static func hardware<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision {
        let conditions = question.conditions
        let fails = conditions.kernel.refusesDomainsWithoutCookie
        let because =
            "The group has a hardware MSI region, so VFIO makes no cookie"
            + (fails
                ? "; since Linux 6.15 setting up interrupts then fails with ENOSPC."
                : " and doorbells keep their physical addresses.")
        let blocker = Withheld(for: question.device, under: conditions).items.first {
            $0.kind == .hardwareMSI
        }
        recorder.record(
            .hardwareMSIWins, fails ? .rejected : .accepted, candidate: nil, blocker: blocker, because)
        var decision = Decision(
            outcome: .hardware,
            doorbells: fails ? [] : question.doorbells.map { .untranslated($0, conditions.pageSize) },
            isReachable: !fails, because: because, errno: fails ? .noSpace : nil)
        if fails { decision.warn(.hardwareMSIOnly, because) }
        return decision
    }

    private static func noWindow<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision {
        let conditions = question.conditions
        let fails = conditions.kernel.refusesDomainsWithoutCookie
        let because =
            "The driver offers no window"
            + (fails
                ? ", so setting up interrupts fails with ENOSPC."
                : ", so doorbells keep physical addresses, which the SMMU does not map.")
        recorder.record(.noCookie, .rejected, because)
        var decision = Decision(
            outcome: .none,
            doorbells: fails ? [] : question.doorbells.map { .untranslated($0, conditions.pageSize) },
            isReachable: false, because: because, errno: fails ? .noSpace : nil)
        if !fails {
            decision.warn(
                .physicalDoorbell,
                "MSIs go to the physical doorbell through a translating SMMU and fault.")
        }
        return decision
    }

    private static func placed<R: Recorder>(
        _ window: IOVARange, _ question: Question, _ recorder: inout R
    ) -> Decision {
        var decision = Placed.decision(window, question, &recorder)
        var cursor = MSICookie(window: window, conditions: question.conditions)
        for doorbell in question.doorbells { cursor.map(doorbell, &recorder) }
        Placed.add(cursor.mapped, to: &decision)
        return decision
    }

    private static func checkMaps<R: Recorder>(
        _ question: Question, _ container: VFIOContainer, _ domain: VFIOContainer.Domain,
        _ decision: inout Decision, _ recorder: inout R
    ) {
        let gaps = question.usable.map { IOVASet(KnownRanges.gaps(in: $0)) } ?? .empty
        for check in question.mapChecks {
            switch check {
            case .fixed(let iova, let bytes):
                MapChecks.add(
                    check, iova, bytes, container.errno(iova: iova, bytes: bytes, outside: gaps),
                    window: domain.window, &decision, &recorder)
            case .automatic(let bytes, _):
                // Type1 has no call that chooses an address.
                MapChecks.add(
                    check, 0, bytes, .invalidArgument, window: nil, &decision, &recorder)
            }
        }
    }
}
