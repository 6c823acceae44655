// From a failed map to its explanation. What the message itself says counts first, then what the path of
// decisions says of the host, then what the errno leaves over. Checks of a map are not written here again:
// MapScene asks the address space.

import AddressSpaces
import LinuxReleases
public import Machines

extension MapExplanation {
    /// Explains failed maps, in their order.
    public static func explain(_ failures: [MapFailure], _ question: MapQuestion) -> MapExplanations {
        let scenes = scenes(of: failures, question)
        let reported = question.ifReported
        let otherScenes = reported.map { self.scenes(of: failures, $0.question) }
        let items = failures.map { failure in
            let consumer = question.consumer(of: failure)
            var explanation = explain(failure, question, scenes[consumer])
            if let reported, let scene = otherScenes?[consumer] {
                let other = explain(failure, reported.question, scene)
                if explanation != other {
                    explanation.ifReported = [.init(regions: reported.regions, explanation: other)]
                }
            }
            return explanation
        }
        let first = failures.first.map { question.consumer(of: $0) } ?? question.question?.consumer
        return MapExplanations(items: items, ranges: first.flatMap { scenes[$0]?.decision.ranges })
    }

    /// The host as each consumer's failures meet it; empty where nothing is known of it.
    private static func scenes(of failures: [MapFailure], _ question: MapQuestion) -> [Consumer: MapScene] {
        guard let host = question.question else { return [:] }
        var scenes: [Consumer: MapScene] = [:]
        let consumers = Set(failures.map { question.consumer(of: $0) })
        for consumer in consumers.isEmpty ? [host.consumer] : consumers {
            var seen: Set<MapCheck> = []
            let checks = failures.filter { question.consumer(of: $0) == consumer }
                .compactMap(\.check).filter { seen.insert($0).inserted }
            var asked = host
            if let flag = question.unsafeInterrupts[consumer] {
                asked.conditions.allowsUnsafeInterrupts = flag
            }
            scenes[consumer] = MapScene(asked, consumer, checks)
        }
        return scenes
    }

    private static func explain(
        _ failure: MapFailure, _ question: MapQuestion, _ scene: MapScene?
    ) -> MapExplanation {
        var explanation: MapExplanation
        switch failure.action {
        case .attach: explanation = MapAttach.explain(failure, scene)
        case .unmap: explanation = MapErrno.explainUnmap(failure)
        case .map:
            explanation =
                scene.flatMap { onHost(failure, $0) } ?? MapErrno.explainByReason(failure)
                ?? MapErrno.explain(failure, question.conditions, isOnHost: scene != nil)
        }
        if question.consumer != nil || failure.space != nil || scene != nil {
            explanation.consumer = question.consumer(of: failure)
        }
        if let remark = scene?.remarkIfReported(failure) {
            explanation.because += remark
            if explanation.certainty == .yes { explanation.certainty = .likely }
        }
        explanation.because += failure.remarkOnBAR
        if failure.isIncomplete {
            explanation.because +=
                " The message is cut off; send all of it, up to the errno, for a better answer."
        }
        return explanation
    }
}

extension MapFailure {
    /// The map as a decision checks it.
    var check: MapCheck? {
        guard action == .map, let iova, let size else { return nil }
        return .fixed(iova: iova, bytes: size)
    }

    var errno: Errno? {
        errorNumber.flatMap { LinuxError.name(of: $0) }.flatMap { Errno(rawValue: $0) }
    }

    /// What a BAR is mapped for, where the text says that it is one.
    fileprivate var remarkOnBAR: String {
        switch bar {
        case nil: ""
        case .named: " The memory is a BAR: only DMA between devices (PCI peer-to-peer) needs this mapping."
        case .leftOut:
            " The memory is a BAR\(device.map { " of \($0)" } ?? ""): the program goes on without it, and only DMA "
                + "between devices (PCI peer-to-peer) does not work."
        }
    }

    /// "EINVAL", or the number that has no name here.
    var errnoText: String? { errorNumber.map { LinuxError.name(of: $0) ?? "errno \($0)" } }

    /// What ends the sentence of a call that failed.
    var failed: String { "failed" + (errnoText.map { " with \($0)." } ?? "; the message has no errno.") }
}

// MARK: On a host

extension MapExplanation {
    /// What the host's own ranges say; nil where they say nothing of this failure.
    private static func onHost(_ failure: MapFailure, _ scene: MapScene) -> MapExplanation? {
        guard scene.isAttached else { return notAttached(failure, scene) }
        guard let iova = failure.iova, let size = failure.size,
            let answer = scene.errno(iova: iova, bytes: size)
        else { return nil }
        guard let errno = answer else {
            return misalignedMemory(failure, scene) ?? worksOnHost(failure, scene)
        }
        // The kernel pins memory after these checks: with another errno it got further than the model.
        if let logged = failure.errno, logged != errno { return nil }
        var found = refused(failure, iova, size, errno, scene)
        found.certainty = failure.errno == nil ? .likely : .yes
        found.alternatives = scene.alternatives(to: iova, bytes: size)
        return found
    }

    private static func refused(
        _ failure: MapFailure, _ iova: UInt64, _ size: UInt64, _ errno: Errno, _ scene: MapScene
    ) -> MapExplanation {
        guard size > 0, let range = failure.range else {
            return size == 0 ? MapErrno.empty(failure) : MapErrno.overflow(failure, errno)
        }
        if errno == .exists {
            let hit = scene.question.mappings.first { $0.overlaps(range) } ?? range
            var found = MapErrno.existing(
                failure,
                because: "\(range.text) overlaps \(hit.text), which is mapped already: \(errno.rawValue).")
            found.blockers = [Blocker(verdict: .existingMapping, range: hit, provenance: "mapped before")]
            return found
        }
        if !scene.page.isAligned(iova) || !scene.page.isAligned(size) {
            return MapErrno.misaligned(failure, page: scene.page)
        }
        return outside(failure, range, errno, scene)
    }

    /// In no single range that user space may map.
    private static func outside(
        _ failure: MapFailure, _ range: IOVARange, _ errno: Errno, _ scene: MapScene
    ) -> MapExplanation {
        let blockers = scene.blockers(of: range)
        guard let first = blockers.first else {
            return MapExplanation(
                failure, .reservedRegion, .yes,
                because:
                    "\(range.text) is refused with \(errno.rawValue): it extends over the border between two "
                    + "ranges that touch, which a region of no bytes keeps apart.",
                changes: ["Map the two sides of the border by themselves; iova_ranges lists them."])
        }
        let more = blockers.count - 1
        var found = MapExplanation(
            failure, first.verdict, .yes,
            because:
                "\(range.text) is refused with \(errno.rawValue): it overlaps \(first.range.text) (\(first.provenance))"
                + (more == 0 ? "" : " and \(more) more, listed in blockers")
                + ". A mapping must lie entirely within one of the ranges that the group allows."
        )
        found.changes = MapChanges.around(first, range, failure, scene.page)
        found.blockers = Array(blockers.prefix(blockersMax))
        return found
    }

    private static func notAttached(_ failure: MapFailure, _ scene: MapScene) -> MapExplanation {
        MapExplanation(
            failure, .refusedAttach, .likely,
            because:
                "Linux \(scene.conditions.kernel.name) does not attach this group at all: \(scene.decision.because)",
            changes: MapAttach.changes(scene))
    }

    /// VFIO takes whole pages of the process as well.
    private static func misalignedMemory(_ failure: MapFailure, _ scene: MapScene) -> MapExplanation? {
        guard scene.question.consumer == .vfioType1, let address = failure.userAddress,
            !scene.page.isAligned(address), failure.errno == nil || failure.errno == .invalidArgument
        else { return nil }
        return MapErrno.misaligned(failure, page: scene.page)
    }

    /// The model maps it, so that something is not as it was described. Other errnos speak for themselves.
    private static func worksOnHost(_ failure: MapFailure, _ scene: MapScene) -> MapExplanation? {
        guard failure.errno == .invalidArgument || failure.errorNumber == nil, let range = failure.range
        else {
            return nil
        }
        var found = MapExplanation(
            failure, .notKnown, .unknown,
            because: "On the host as it is described, \(range.text) can be mapped"
                + (failure.errnoText.map {
                    ", so its \($0) has a cause that the description does not contain."
                } ?? ".")
        )
        found.candidates = [
            Candidate(
                verdict: .reservedRegion, range: nil,
                because:
                    "Another group in the same container has reserved regions: send its device in \"attached\"."
            ),
            Candidate(
                verdict: .outsideAperture, range: nil,
                because:
                    "The IOMMU translates less than \(scene.conditions.aperture.text): send \"aperture_bits\" or "
                    + "\"iova_ranges\"."),
            Candidate(
                verdict: .alignment, range: nil,
                because:
                    "The kernel's or the IOMMU's pages are larger than \(HexLiteral.text(scene.page.bytes)): send "
                    + "\"page_size\"."),
            Candidate(
                verdict: .refusedAttach, range: nil,
                because: "Nothing was attached yet: before VFIO_SET_IOMMU a container maps nothing."),
        ]
        found.changes = [
            "Send the ranges that VFIO_IOMMU_GET_INFO or IOMMU_IOAS_IOVA_RANGES reports on this host as \"iova_ranges\"."
        ]
        return found
    }
}
