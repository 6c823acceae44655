// Picks the window from a source. For `candidates` with `advertised` the test is the posted series' own:
// inclusive ends, arithmetic that wraps, regions of any type, of no bytes too.

import AddressSpaces
import Platforms
import SMMUModel

enum CandidateChoice {
    /// The window that the source yields; nil when every candidate is blocked.
    static func choose<R: Recorder>(
        _ source: WindowSource, withheld: Withheld, device: Device, _ conditions: Conditions,
        _ recorder: inout R
    ) -> IOVARange? {
        switch source {
        case .fixed:
            let window = IOVARange(
                proven: WindowSource.mainlineBase, WindowSource.mainlineBase + WindowSource.mainlineSize - 1)
            recorder.record(
                .windowFixed, .accepted, candidate: window, blocker: nil,
                "The driver offers \(window.text), whatever the platform withholds.")
            return window
        case .candidates(let bases, let size, let avoid):
            for base in bases {
                guard let window = IOVARange(start: IOVA(base), size: size) else {
                    preconditionFailure("candidate \(base) + \(size) wraps")
                }
                if isClear(window, avoid, withheld, device, conditions, &recorder) {
                    recorder.record(
                        .candidateTaken, .accepted, candidate: window, blocker: nil,
                        "\(window.text) touches nothing that it must avoid.")
                    return window
                }
            }
            recorder.record(
                .noneLeft, .rejected, candidate: nil, blocker: nil,
                "All \(bases.count) candidates are blocked; the driver offers no window.")
            return nil
        }
    }

    private static func isClear<R: Recorder>(
        _ window: IOVARange, _ avoid: WindowSource.Avoid, _ withheld: Withheld, _ device: Device,
        _ conditions: Conditions, _ recorder: inout R
    ) -> Bool {
        switch avoid {
        case .advertised:
            let regions = device.firmwareRegions.filter {
                $0.isOnHostBridge || $0.isApplied(to: device, under: conditions)
            }
            guard let region = regions.first(where: { touches(window, $0) }) else { return true }
            recorder.record(
                .candidateBlocked, .rejected, candidate: window,
                blocker: withheld.items.first { $0.isSeenByPostedSeries && $0.range.overlaps(window) },
                "\(window.text) touches \(region.provenanceText) at \(HexLiteral.text(region.start)).")
            return false
        case .everything:
            if withheld.free.contains(window) { return true }
            let blocker = withheld.items(overlapping: window).first
            recorder.record(
                .candidateBlocked, .rejected, candidate: window, blocker: blocker,
                Obstacle.sentence(window, blocker, withheld, conditions))
            return false
        }
    }

    /// `base <= region end && base + size - 1 >= region start`, in wrapping arithmetic as posted.
    private static func touches(_ window: IOVARange, _ region: ReservedRegion) -> Bool {
        window.start.value <= region.start &+ region.length &- 1 && window.last.value >= region.start
    }
}
