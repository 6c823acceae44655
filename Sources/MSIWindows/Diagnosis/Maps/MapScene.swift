// A host as failed maps meet it: one decision with every failed map as a map check, so that what refuses a
// map here is what refuses it in a decision; and the regions and ranges that name the obstacle.

import AddressSpaces
import LinuxReleases
import Machines

struct MapScene {
    let question: Question
    let decision: Decision
    /// Regions that may not be mapped, of every group of the address space, ascending.
    let regions: [ReservedRegion]
    /// Where user space may map and has not.
    private let free: IOVASet
    private let errnos: [MapCheck: Errno?]

    /// - Parameter checks: each once, at most as many as a decision takes.
    init(_ question: Question, _ consumer: Consumer, _ checks: [MapCheck]) {
        var asked = question
        asked.consumer = consumer
        asked.mapChecks = checks
        let decision = Decision.decide(asked)
        self.question = asked
        self.decision = decision
        errnos = Dictionary(
            decision.mapResults.map { ($0.check, $0.errno) }, uniquingKeysWith: { first, _ in first })
        let isTranslated = asked.conditions.translates(for: consumer)
        regions = (isTranslated ? [asked.prepared] + asked.earlierGroups.map(\.prepared) : [])
            .flatMap { $0.advertised(asked.source).regions }
            .filter { $0.kind != .directRelaxable && $0.range != nil }
            .sorted { ($0.start, $0.kind.rawValue) < ($1.start, $1.kind.rawValue) }
        free = IOVASet(decision.ranges ?? []).subtracting(IOVASet(asked.mappings))
    }

    var conditions: Conditions { question.conditions }
    var page: Granule { conditions.userPage }
    /// Whether the group can be attached at all.
    var isAttached: Bool { decision.ranges != nil }

    /// What the model says of a map; nil when it was not asked, a nil errno when the map works.
    func errno(iova: UInt64, bytes: UInt64) -> Errno?? { errnos[.fixed(iova: iova, bytes: bytes)] }

    /// What becomes of the map if a virtio-iommu reports an MSI region, where that is another answer; nil
    /// where it is known what the device reports.
    func remarkIfReported(_ failure: MapFailure) -> String? {
        guard let check = failure.check, case let own? = errnos[check],
            let other = decision.ifReported.first?.decision.mapResults.first(where: { $0.check == check }),
            other.errno != own
        else { return nil }
        return
            " That is so if the virtio-iommu reports no MSI region; if it reports one over the doorbells, this map "
            + (other.errno.map { "is refused with \($0.rawValue)." } ?? "works.")
    }

    /// What the range meets of all that is not mappable, ascending.
    func blockers(of range: IOVARange) -> [MapExplanation.Blocker] {
        var found = regions.compactMap { region -> MapExplanation.Blocker? in
            guard let own = region.range, own.overlaps(range) else { return nil }
            return .init(
                verdict: region.kind == .softwareMSI ? .softwareWindow : .reservedRegion, range: own,
                provenance: region.kindPhrase + ", " + region.provenanceText)
        }
        for outside in IOVASet([conditions.aperture]).complement().ranges where outside.overlaps(range) {
            found.append(
                .init(
                    verdict: .outsideAperture, range: outside,
                    provenance: "beyond the aperture \(conditions.aperture.text)"))
        }
        if found.isEmpty, let usable = question.usable {
            found = IOVASet(usable.gaps).ranges(overlapping: range).map {
                .init(verdict: .outsideRanges, range: $0, provenance: UsableRanges.provenance)
            }
        }
        return found.sorted { $0.range.start < $1.range.start }
    }

    /// Starts at which as many bytes can be mapped: the nearest, the lowest, the highest.
    func alternatives(to iova: UInt64, bytes: UInt64) -> [IOVA] {
        guard isAttached, bytes > 0 else { return [] }
        let size = page.isAligned(bytes) ? bytes : (page.alignUp(bytes) ?? bytes)
        let places = [
            free.nearestFit(to: IOVA(iova), size: size, alignment: page),
            free.lowestFit(size: size, alignment: page), free.highestFit(size: size, alignment: page),
        ]
        var starts: [IOVA] = []
        for place in places.compactMap({ $0 }) where !starts.contains(place.start) {
            // A region of no bytes keeps two ranges apart that touch.
            guard (decision.ranges ?? []).contains(where: { $0.contains(place) }) else { continue }
            starts.append(place.start)
        }
        return starts
    }
}

extension ReservedRegion {
    /// "hardware MSI region"
    fileprivate var kindPhrase: String {
        switch kind {
        case .direct: "direct region"
        case .directRelaxable: "relaxable direct region"
        case .reserved: WithheldItem.Kind.reservedRegion.phrase
        case .msi: WithheldItem.Kind.hardwareMSI.phrase
        case .softwareMSI: "software MSI window"
        }
    }
}
