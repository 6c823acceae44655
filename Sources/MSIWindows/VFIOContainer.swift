// A VFIO type1 container: domains, usable ranges, mappings, and what attaching a group does to them, step by
// step. Mirrors drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group and vfio_dma_do_map,
// Linux 7.2. It is a value: a copy goes its own way.

import AddressSpaces
import Platforms
import SMMUModel

struct VFIOContainer {
    /// A paging domain and the cookie of the group that made it.
    struct Domain {
        /// Groups behind the same IOMMUs share a domain.
        var smmus: Set<String>
        var aperture: IOVARange
        /// Where the cookie starts; nil for a domain without a cookie.
        var window: IOVARange?
        var hasHardwareMSI: Bool
    }

    /// Those of the group that is attached next.
    var conditions: Conditions
    private(set) var list = VFIOIOVAList()
    private(set) var domains: [Domain] = []
    var mappings: [IOVARange]

    init(conditions: Conditions, mappings: [IOVARange]) {
        self.conditions = conditions
        self.mappings = mappings
    }

    /// Attaches a group; nil and an unchanged container when Linux refuses.
    ///
    /// - Returns: the domain that the group is in, and its own list of regions.
    mutating func attach<R: Recorder>(
        _ group: IOMMUGroup, offers: [Offer], _ question: Question, _ recorder: inout R
    ) -> Result<(domain: Domain, regions: GroupRegionList), RefusalError> {
        let aperture = conditions.aperture
        if list.conflicts(aperture: aperture, mappings: mappings) {
            let because = "The aperture \(aperture.text) leaves out what is mapped already: EINVAL."
            recorder.record(.apertureConflict, .rejected, because)
            return .failure(RefusalError(Refusal(errno: .invalidArgument, because: because)))
        }
        let regions = GroupRegionList(
            inserting: zip(group.devices, offers).flatMap { device, offer in
                AdvertisedRegions.list(
                    for: device, offer: offer, source: question.source, conditions: conditions)
            })
        if let refusal = conflict(of: regions, &recorder) { return .failure(RefusalError(refusal)) }
        var left = list
        left.resize(to: aperture)
        left.exclude(regions)
        guard !left.ranges.isEmpty else {
            let because =
                "The reserved regions leave no usable IOVA, so attaching the group fails with EINVAL."
            recorder.record(.rangesEmpty, .rejected, because)
            return .failure(RefusalError(Refusal(errno: .invalidArgument, because: because)))
        }
        if let refusal = GroupClaim.refusalWithoutIsolation(conditions, .unsafeInterrupts, &recorder) {
            return .failure(RefusalError(refusal))
        }
        if let refusal = replayRefusal(&recorder) { return .failure(RefusalError(refusal)) }
        list = left
        return .success((domain(of: group, regions, &recorder), regions))
    }

    /// A region that must not be mapped meets a mapping.
    private func conflict<R: Recorder>(of regions: GroupRegionList, _ recorder: inout R) -> Refusal? {
        let mapped = IOVASet(mappings)
        for region in regions.regions where region.kind != .directRelaxable {
            guard let range = region.range, let hit = mapped.ranges(overlapping: range).first else {
                continue
            }
            let because =
                "The \(region.kind.sysfsName) region \(range.text) meets the mapping \(hit.text): EINVAL."
            recorder.record(.regionOverlap, .rejected, candidate: range, because)
            return Refusal(errno: .invalidArgument, because: because)
        }
        return nil
    }

    /// vfio_iommu_replay: a domain has to take what is mapped already. Only mappings from before the first
    /// domain get so far; later ones are compared with the aperture above.
    private func replayRefusal<R: Recorder>(_ recorder: inout R) -> Refusal? {
        let aperture = conditions.aperture
        guard domains.isEmpty, let beyond = mappings.first(where: { !aperture.contains($0) }) else {
            return nil
        }
        let because = "The mapping \(beyond.text) does not fit the aperture \(aperture.text): ERANGE."
        recorder.record(.apertureConflict, .rejected, candidate: beyond, because)
        return Refusal(errno: .outOfRange, because: because)
    }

    /// The domain that accepts the group, or a new one with a cookie at the highest window.
    private mutating func domain<R: Recorder>(
        of group: IOMMUGroup, _ regions: GroupRegionList, _ recorder: inout R
    ) -> Domain {
        let smmus = Set(group.devices.flatMap(\.smmus))
        if let shared = domains.first(where: { $0.smmus == smmus && $0.aperture == conditions.aperture }) {
            recorder.record(
                .domainShared, .noted, candidate: shared.window,
                "The group joins the container's domain; the cookie stays where the first group put it.")
            return shared
        }
        let hasHardware = regions.regions.contains { $0.kind == .msi }
        let window = hasHardware ? nil : regions.regions.last { $0.kind == .softwareMSI }?.range
        if let window {
            recorder.record(
                .cookieBase, .noted, candidate: window, "The MSI cookie starts at \(window.start.hex).")
        }
        let made = Domain(
            smmus: smmus, aperture: conditions.aperture, window: window, hasHardwareMSI: hasHardware)
        domains.append(made)
        return made
    }

    /// vfio_dma_do_map, in its order; `gaps` are missing in the host's own list of ranges.
    func errno(iova: UInt64, bytes: UInt64, outside gaps: IOVASet = .empty) -> Errno? {
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

/// A refusal as an error, which Result wants.
struct RefusalError: Error {
    let refusal: Refusal
    init(_ refusal: Refusal) { self.refusal = refusal }
}
