// The consumer VFIO type1: a container with its domains, usable ranges and mappings, and what attaching a
// group does to them, step by step. Mirrors drivers/vfio/vfio_iommu_type1.c:
// vfio_iommu_type1_attach_group and vfio_dma_do_map, Linux 7.2. It is a value: a copy goes its own way.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import Machines

package struct VFIOType1: Sendable {
    /// A paging domain and the cookie of the group that made it.
    struct Domain: Sendable {
        /// Groups behind the same IOMMUs share a domain.
        var smmus: Set<String>
        var aperture: IOVARange
        /// Where the cookie starts; nil for a domain without a cookie.
        var window: IOVARange?
        var hasHardwareMSI: Bool
    }

    let conditions: Conditions
    private var list = VFIOIOVAList()
    private var domains: [Domain] = []
    var mappings: [IOVARange]
    /// Ranges that the running host offered for attached devices, each list once.
    private var usable: [UsableRanges] = []
    /// What is missing in the host's own ranges.
    private var gaps = IOVASet.empty

    init(conditions: Conditions, mappings: [IOVARange]) {
        self.conditions = conditions
        self.mappings = mappings
    }

    /// VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE.
    var ranges: [IOVARange] { usable.reduce(list.ranges) { $1.bounding($0) } }

    /// Bounds the ranges by those that a running host offered.
    mutating func bound(by offered: UsableRanges) {
        guard !usable.contains(offered) else { return }
        usable.append(offered)
        gaps = gaps.union(IOVASet(offered.gaps))
    }

    /// Attaches the group, in Linux's order of checks. What is refused changes nothing.
    mutating func attach<R: Recorder>(
        _ attempt: Attempt, _ recorder: inout R
    ) throws(Refusal) -> Attachment {
        try GroupClaim.checkViable(attempt.conditions, &recorder)
        try GroupClaim.claim(attempt.group, attempt.conditions, &recorder)
        let offers = try GroupClaim.offers(attempt.group, attempt.source, &recorder)
        let aperture = attempt.aperture
        if list.conflicts(aperture: aperture, mappings: mappings) {
            let because = "The aperture \(aperture.text) does not contain what is already mapped: EINVAL."
            recorder.record(.apertureConflict, .rejected, because)
            throw Refusal(errno: .invalidArgument, because: because, remedy: .fitAperture(aperture))
        }
        let offered = attempt.group.offered(by: attempt.source, offers)
        let regions =
            offered?.regions
            ?? GroupRegionList(
                inserting: zip(attempt.group.devices, offers).flatMap { device, offer in
                    device.advertised(attempt.source, offer: offer)
                })
        try checkConflict(of: regions, &recorder)
        var next: VFIOIOVAList
        if let offered, list.ranges.isEmpty, aperture == attempt.group.device.conditions.aperture {
            next = offered.list
        } else {
            next = list
            next.resize(to: aperture)
            next.exclude(regions)
        }
        guard !next.ranges.isEmpty else {
            let because =
                "The reserved regions leave no usable IOVA, so attaching the group fails with EINVAL."
            recorder.record(.rangesEmpty, .rejected, because)
            throw Refusal(errno: .invalidArgument, because: because)
        }
        try GroupClaim.checkIsolation(attempt.conditions, .unsafeInterrupts, &recorder)
        try checkReplay(aperture, &recorder)
        list = next
        let domain = domain(of: attempt.group, aperture, regions, &recorder)
        return Attachment(
            window: domain.window, hasHardwareMSI: domain.hasHardwareMSI, regions: regions)
    }

    /// A region that must not be mapped meets a mapping.
    private func checkConflict<R: Recorder>(
        of regions: GroupRegionList, _ recorder: inout R
    ) throws(Refusal) {
        guard !mappings.isEmpty else { return }
        let mapped = IOVASet(mappings)
        for region in regions.regions where region.kind != .directRelaxable {
            guard let range = region.range, let hit = mapped.ranges(overlapping: range).first else {
                continue
            }
            let because =
                "The \(region.kind.sysfsName) region \(range.text) overlaps the mapping \(hit.text): EINVAL."
            recorder.record(.regionOverlap, .rejected, candidate: range, because)
            throw Refusal(
                errno: .invalidArgument, because: because,
                remedy: .leaveOut(range, isWindow: region.kind == .softwareMSI))
        }
    }

    /// vfio_iommu_replay: a domain has to take what is mapped already. Only mappings from before the first
    /// domain get so far; later ones are compared with the aperture above.
    private func checkReplay<R: Recorder>(_ aperture: IOVARange, _ recorder: inout R) throws(Refusal) {
        guard domains.isEmpty, let beyond = mappings.first(where: { !aperture.contains($0) }) else { return }
        let because = "The mapping \(beyond.text) does not fit the aperture \(aperture.text): ERANGE."
        recorder.record(.apertureConflict, .rejected, candidate: beyond, because)
        throw Refusal(errno: .outOfRange, because: because, remedy: .fitAperture(aperture))
    }

    /// The domain that accepts the group, or a new one with a cookie at the highest window.
    private mutating func domain<R: Recorder>(
        of group: PreparedGroup, _ aperture: IOVARange, _ regions: GroupRegionList, _ recorder: inout R
    ) -> Domain {
        let smmus = group.smmus
        if let shared = domains.first(where: { $0.smmus == smmus && $0.aperture == aperture }) {
            recorder.record(
                .domainShared, .noted, candidate: shared.window,
                "The group joins the container's domain; the cookie stays where the first group put it.")
            return shared
        }
        let hasHardware = regions.regions.contains { $0.kind == .msi }
        let window = hasHardware ? nil : regions.regions.last { $0.kind == .softwareMSI }?.range
        if let window {
            recorder.record(
                .cookieBase, .noted, candidate: window, MSICookie.begins(at: window))
        }
        let made = Domain(smmus: smmus, aperture: aperture, window: window, hasHardwareMSI: hasHardware)
        domains.append(made)
        return made
    }

    /// vfio_dma_do_map, in its order.
    func errno(iova: UInt64, bytes: UInt64) -> Errno? {
        guard bytes > 0 else { return .invalidArgument }
        guard let range = IOVARange(start: IOVA(iova), size: bytes) else {
            return conditions.kernel.mapOverflowErrno
        }
        let page = conditions.userPage
        guard page.isAligned(iova), page.isAligned(bytes) else { return .invalidArgument }
        if mappings.contains(where: { $0.overlaps(range) }) { return .exists }
        return list.allows(range) && gaps.ranges(overlapping: range).isEmpty ? nil : .invalidArgument
    }
}

extension VFIOType1 {
    /// What becomes of doorbells without a cookie: a group with hardware MSI regions gets none, and since
    /// 6.15 setting up interrupts fails without one.
    static func withoutWindow<R: Recorder>(
        _ question: Question, _ attachment: Attachment, _ recorder: inout R
    ) -> Decision {
        let conditions = question.conditions
        let fails = conditions.kernel.refusesDomainsWithoutCookie
        let doorbells: [Decision.Doorbell] =
            fails ? [] : question.doorbells.map { .untranslated($0, conditions.pageSize) }
        guard attachment.hasHardwareMSI else {
            let because =
                "The driver offers no window"
                + (fails
                    ? ", so setting up interrupts fails with ENOSPC."
                    : ", so doorbells keep physical addresses, which the SMMU does not map.")
            recorder.record(.noCookie, .rejected, because)
            var decision = Decision(
                outcome: .none, doorbells: doorbells, reachability: .no, because: because,
                errno: fails ? .noSpace : nil)
            if !fails { decision.warn(.physicalDoorbell, Hazards.physicalDoorbell) }
            return decision
        }
        let because =
            "The group has a hardware MSI region, so VFIO makes no cookie"
            + (fails
                ? "; since Linux 6.15 setting up interrupts then fails with ENOSPC."
                : " and doorbells keep their physical addresses.")
        let blocker = question.subject.withheld.items.first { $0.kind == .hardwareMSI }
        recorder.record(
            .hardwareMSIWins, fails ? .rejected : .accepted, candidate: nil, blocker: blocker, because)
        var decision = Decision(
            outcome: .hardware, doorbells: doorbells, reachability: fails ? .no : .yes, because: because,
            errno: fails ? .noSpace : nil)
        if fails {
            decision.warn(.hardwareMSIOnly, because)
        } else if let lost = Hazards.lostDoorbell(of: question) {
            Hazards.lose(lost, &decision)
        }
        return decision
    }
}
