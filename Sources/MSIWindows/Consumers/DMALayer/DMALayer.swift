// The consumer "kernel driver": the DMA layer maps doorbell pages with the allocator that it uses for
// buffers, and skips the driver's software window. Mirrors drivers/iommu/iommu.c: iommu_dma_prepare_msi and
// drivers/iommu/dma-iommu.c: iommu_dma_sw_msi, Linux 7.2.

import AddressSpaces
import LinuxReleases
import Machines

enum DMALayer {
    static func decide<R: Recorder>(
        _ question: Question, _ decision: inout Decision, _ recorder: inout R
    ) {
        decideInOrder(question, &decision, &recorder)
        GroupOrder.warn(about: question, &decision)
    }

    /// Without a word on what another order of the group would give.
    static func decideInOrder<R: Recorder>(
        _ question: Question, _ decision: inout Decision, _ recorder: inout R
    ) {
        if let excluded = excluded(question, &recorder) {
            decision = excluded
            return
        }
        if let untranslated = untranslated(question, &recorder) {
            decision = untranslated
            return
        }
        if let ofX86 = Decision.ofX86(question, &recorder) {
            decision = ofX86
            return
        }
        if let refused = refused(question.conditions, &recorder) {
            decision = refused
            return
        }
        recorder.record(
            .softwareWindowSkipped, .noted, "A DMA domain does not use the window that the driver offers.")
        let group = question.prepared
        if group.devices.count > 1 {
            recorder.record(
                .firstDeviceOnly, .noted,
                "The domain is set up for \(group.first.device.id), the first device of its group; the others' "
                    + "reservations are not made.")
        }
        var domain = group.first.freshDomain(under: question.conditions)
        domain.reportSetUp(to: &recorder)
        decision.outcome = .window
        decision.reachability = .yes
        decision.history = replay(question.history, group, &domain, &recorder)
        let pages = mapDoorbells(question, &domain, &decision, &recorder)
        judge(pages, question, domain, &decision, &recorder)
        Hazards.warn(about: question, &decision)
        Hazards.warn(aboutDomain: domain, question, &decision)
    }

    private static func untranslated<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision? {
        let conditions = question.conditions
        guard let because = conditions.defaultDomain.untranslatedBecause else { return nil }
        recorder.record(
            conditions.defaultDomain == .none ? .noGroup : .identityDomain, .accepted, because)
        var decision = Decision(
            outcome: .identity, doorbells: question.doorbells.map { .untranslated($0, conditions.pageSize) },
            reachability: .yes, because: because)
        if conditions.defaultDomain == .none, !question.device.lacksIOMMU {
            decision.warn(
                .noGroup,
                "If the SMMU driver refused the device, as SMMUv3 does with the second function of one "
                    + "stream ID, its DMA and its MSIs fault.")
        }
        Hazards.warn(about: question, &decision)
        return decision
    }

    /// No kernel driver can use the group: a blocking domain lets nothing pass, one of user space none in.
    private static func excluded<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision? {
        let conditions = question.conditions
        guard let because = conditions.defaultDomain.exclusion else { return nil }
        recorder.record(.noKernelDMA, .rejected, because)
        let isRefused = conditions.defaultDomain == .unmanaged
        var decision = Decision(outcome: isRefused ? .refused : .none, reachability: .no, because: because)
        decision.errno =
            isRefused ? .busy : conditions.kernel.refusesDomainsWithoutCookie ? .noSpace : nil
        decision.changes = RefusalRemedy.returnGroup.changes
        decision.warn(.noKernelDMA, because)
        Hazards.warn(about: question, &decision)
        return decision
    }

    private static func refused<R: Recorder>(_ conditions: Conditions, _ recorder: inout R) -> Decision? {
        guard conditions.hasGranuleAbovePage else { return nil }
        let because =
            "Linux makes no DMA domain here: the IOMMU's smallest page, "
            + "\(HexLiteral.text(conditions.granule.bytes)), is larger than the CPU's."
        recorder.record(.domainSetUpFails, .rejected, because)
        var decision = Decision(outcome: .none, reachability: .no, because: because)
        decision.changes = RefusalRemedy.useLargerPages(conditions.granule).changes
        return decision
    }

    /// Earlier mappings are reported by their results; the steps of the allocator would drown the rest.
    private static func replay<R: Recorder>(
        _ history: [DMAOperation], _ group: PreparedGroup, _ domain: inout DMADomain, _ recorder: inout R
    ) -> [IOVA?] {
        var ignored = NoRecorder()
        var live: [Int: (address: IOVA, bytes: UInt64)] = [:]
        var results: [IOVA?] = []
        for (index, operation) in history.enumerated() {
            switch operation {
            case .map(let bytes, let mask, let member):
                let asking = DMADomain.Member(group.devices[member].device, index: member)
                let made = domain.allocate(bytes: bytes, mask: mask, for: asking, recorder: &ignored)
                if let made { live[index] = (made, bytes) }
                recorder.record(
                    .earlierMapping, .noted,
                    "Earlier mapping \(index) of \(HexLiteral.text(bytes)) bytes "
                        + (made.map { "went to \($0.hex)." } ?? "found no place.")
                )
                results.append(made)
            case .unmap(let earlier):
                if let mapping = live.removeValue(forKey: earlier) {
                    domain.free(mapping.address, bytes: mapping.bytes)
                }
                results.append(nil)
            }
        }
        return results
    }

    /// Maps the doorbells in order; without any, asks where one page would go. Returns the pages taken from
    /// the allocator.
    private static func mapDoorbells<R: Recorder>(
        _ question: Question, _ domain: inout DMADomain, _ decision: inout Decision, _ recorder: inout R
    ) -> [IOVARange] {
        let subject = DMADomain.Member(question.device, index: question.prepared.subject)
        let granule = domain.granule
        guard !question.doorbells.isEmpty else {
            if let region = domain.hardwareRanges.first {
                leaveOpen(region, &decision, &recorder)
                return []
            }
            let page = domain.allocate(
                bytes: granule.bytes, mask: question.dmaMask, for: subject, recorder: &recorder)
            decision.window = page.flatMap { IOVARange(start: $0, size: granule.bytes) }
            if page == nil { fail(&decision, domain) }
            return decision.window.map { [$0] } ?? []
        }
        var taken: [IOVARange] = []
        for doorbell in question.doorbells {
            guard
                let page = domain.page(
                    for: doorbell, mask: question.dmaMask, member: subject, recorder: &recorder)
            else {
                fail(&decision, domain)
                break
            }
            let offset = doorbell.value & granule.mask
            decision.doorbells.append(
                .init(physical: doorbell, iova: IOVA(page.iova | offset), page: IOVA(page.iova)))
            if !page.isHardware { taken.append(granule.page(of: IOVA(page.iova))) }
        }
        if taken.isEmpty, decision.errno == nil { decision.outcome = .hardware }
        let pages = IOVASet(taken).ranges
        if pages.count == 1 { decision.window = pages[0] }
        return pages
    }

    /// Which doorbell it is decides: one in the region is not translated, another would take a page.
    private static func leaveOpen<R: Recorder>(
        _ region: IOVARange, _ decision: inout Decision, _ recorder: inout R
    ) {
        decision.outcome = .hardware
        decision.because =
            "The group has the hardware MSI region \(region.text): a doorbell in it keeps its address. Which doorbell "
            + "the device has is not known."
        recorder.record(.hardwareIdentity, .accepted, candidate: region, decision.because)
        decision.warn(
            .doorbellUnknown,
            "No source names a doorbell in \(region.text), and a doorbell elsewhere would take a page from the allocator. "
                + "Send \"doorbells\", or the device tree or the tables (IORT, APIC) beside the list.",
            range: region)
    }

    private static func fail(_ decision: inout Decision, _ domain: DMADomain) {
        decision.outcome = .none
        decision.errno = domain.errno == .badAddress ? .badAddress : .noMemory
    }

    /// Whether every page can be reached by every device of the group, and the sentence.
    private static func judge<R: Recorder>(
        _ pages: [IOVARange], _ question: Question, _ domain: DMADomain, _ decision: inout Decision,
        _ recorder: inout R
    ) {
        if decision.outcome == .none {
            decision.reachability = .no
            decision.because =
                decision.errno == .badAddress
                ? "The DMA domain could not be set up, so there is no allocator to take a page from."
                : "No IOVA is left for a doorbell page below "
                    + "\(HexLiteral.text(domain.limit(.init(question.device, index: 0), mask: question.dmaMask)))"
                    + ", so allocating the interrupt vectors fails."
            return
        }
        if decision.outcome == .hardware {
            guard !decision.doorbells.isEmpty else { return }
            decision.because = "Every doorbell lies in a hardware MSI region and keeps its address."
            return
        }
        let withheld = question.subject.withheld
        decision.blockers = pages.flatMap { withheld.items(overlapping: $0) }
        let blocked = pages.first { !withheld.free.contains($0) }
        let blocker = blocked.flatMap {
            WindowJudgement.decisive(
                withheld.items(overlapping: $0), $0, withheld, question.conditions)
        }
        decision.reachability =
            pages.map { withheld.reachability(ofPage: $0, in: question.conditions.aperture) }.min() ?? .yes
        let place = pages.last.map { HexLiteral.text($0.start.value) } ?? "its own address"
        decision.because =
            "The DMA layer takes the page at \(place) from the allocator that also serves buffers"
            + (blocked.map {
                "; " + WindowJudgement.sentence($0, blocker, withheld, question.conditions)
            } ?? ", outside everything withheld.")
        recorder.record(
            blocked == nil ? .reachable : .unreachable, blocked == nil ? .accepted : .rejected,
            candidate: blocked ?? pages.first, blocker: blocker, decision.because)
        for page in pages where !withheld.free.contains(page) {
            decision.warn(
                WindowJudgement.warnings(
                    page, withheld.items(overlapping: page), withheld, question.conditions))
        }
    }
}

extension Decision.Doorbell {
    /// Not translated: the device writes to the register's own address.
    static func untranslated(_ doorbell: PhysicalAddress, _ page: Granule) -> Self {
        Self(physical: doorbell, iova: IOVA(doorbell.value), page: IOVA(page.alignDown(doorbell.value)))
    }
}
