// The one place that judges a window of user space: whether the device reaches it, and if not, what stands in
// its way, as blockers, as warnings and as a sentence. Candidates of a window source and the pages of the DMA
// layer, which are judged by stricter bounds, share the sentences.

import AddressSpaces
import LinuxReleases
import Machines

enum WindowJudgement {
    /// Decides about a window that user space gets, as yet without doorbells.
    static func judge<R: Recorder>(
        _ window: IOVARange, _ question: Question, _ decision: inout Decision, _ recorder: inout R
    ) {
        let verdict = question.prepared.verdict(on: window)
        let isReached = verdict.reachability == .yes
        recorder.record(
            isReached ? .reachable : .unreachable, isReached ? .accepted : .rejected, candidate: window,
            blocker: verdict.obstacle, verdict.because)
        decision.outcome = .window
        decision.window = window
        decision.reachability = verdict.reachability
        decision.blockers = verdict.blockers
        decision.because = verdict.because
        decision.warnings = verdict.warnings
        decision.changes = verdict.changes
    }

    /// What drivers of the group's devices need and user space does not, the subject's first: the whole group
    /// uses the window, whichever device is asked about.
    static func relaxable(_ window: IOVARange, _ devices: [Withheld]) -> [WithheldItem] {
        // Few devices have any.
        guard devices.contains(where: \.hasRelaxableItems) else { return [] }
        return devices.flatMap { $0.items(overlapping: window).filter(\.isRelaxable) }
    }

    static func relaxable(_ item: WithheldItem, _ window: IOVARange) -> String {
        "\(window.text) lies in \(item.range.text) (\(item.provenance))"
            + (item.isIgnoredByLinux
                ? "; user space does not need that mapping."
                : ", which the kernel maps one to one for the device's own driver and drops for user space.")
    }

    /// Reservations of the group's other devices on the window: the whole group uses it, and their MSIs would
    /// not arrive.
    static func blockers(
        _ window: IOVARange, of mates: [PreparedDevice]
    ) -> [(device: String, item: WithheldItem)] {
        mates.flatMap { device in
            device.withheld.lastingRegions(overlapping: window).map { (device.device.id, $0) }
        }
    }

    /// The obstacle that an answer names: the first of the surest; nil for a limit or the aperture.
    static func decisive(
        _ blockers: [WithheldItem], _ window: IOVARange, _ withheld: Withheld, _ conditions: Conditions
    ) -> WithheldItem? {
        if let certain = blockers.first(where: { $0.kind.reachability == .no }) { return certain }
        return withheld.isCarried(window, in: conditions.aperture) ? blockers.first : nil
    }

    /// One sentence for an obstacle of a window that is not free.
    static func sentence(
        _ window: IOVARange, _ blocker: WithheldItem?, _ withheld: Withheld, _ conditions: Conditions
    ) -> String {
        if let blocker {
            let sentence: Phrase = """
                \(window) lies in the \(blocker.kind.phrase) \(blocker.range) (\(blocker.origin))\
                \(blocker.kind.reachability.clause).
                """
            return sentence.text
        }
        if window.last.value > withheld.dmaLimit { return aboveLimit(window, withheld) }
        return "\(window.text) lies beyond the aperture \(conditions.aperture.text)."
    }

    /// A warning for each kind of thing that the window touches: for each blocker, then for limits.
    static func warnings(
        _ window: IOVARange, _ blockers: [WithheldItem], _ withheld: Withheld, _ conditions: Conditions
    ) -> [Warning] {
        var warnings = blockers.map { blocker in
            Warning(
                code: code(of: blocker.kind), detail: sentence(window, blocker, withheld, conditions),
                range: blocker.range)
        }
        if window.last.value > withheld.dmaLimit {
            warnings.append(
                .init(
                    code: .windowAboveDMALimit, detail: aboveLimit(window, withheld), range: window))
        }
        if !conditions.aperture.contains(window) {
            warnings.append(
                .init(
                    code: .windowBeyondAperture,
                    detail: "\(window.text) is not within the aperture \(conditions.aperture.text).",
                    range: window))
        }
        return warnings
    }

    private static func aboveLimit(_ window: IOVARange, _ withheld: Withheld) -> String {
        "\(window.text) lies above the bus's DMA limit \(HexLiteral.text(withheld.dmaLimit))."
    }

    private static func code(of kind: WithheldItem.Kind) -> Warning.Code {
        switch kind {
        case .pageZero: .windowInPageZero
        case .pciWindow: .windowInPCIWindow
        case .dmaRangesGap: .windowInDMARangesGap
        case .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion: .windowInReservedRegion
        case .outsideIOVARanges: .windowOutsideIOVARanges
        }
    }
}
