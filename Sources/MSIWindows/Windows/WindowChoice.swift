// Picks the window from a source, for one device. For `candidates` the test on regions is the posted
// series' own: inclusive ends, arithmetic that wraps, regions of any type, of no bytes too. The searches of
// `dynamic` are this model's own: the discussion of one named no algorithm.

public import AddressSpaces
import Machines

enum WindowChoice {
    /// What the source yields for the device.
    static func choose<R: Recorder>(
        _ source: WindowSource, for device: PreparedDevice, _ recorder: inout R
    ) -> Offer {
        if let given = device.givenWindow {
            recorder.record(
                .windowGiven, .accepted, candidate: given,
                "The given list of regions already contains the window \(given.text).")
            return .window(given)
        }
        if device.conditions.driver == .virtio, source != .none, let region = device.hardwareRegion {
            if device.isOfX86 { return .hardware }
            recorder.record(
                .windowReplacedByHardware, .rejected,
                "The virtio-iommu reports the MSI region at \(HexLiteral.text(region.start)), so its driver "
                    + "offers no window.")
            return .hardware
        }
        switch source {
        case .fixed: return fixed(&recorder)
        case .candidates(let bases, let size, let avoid, let ifNone):
            // The series touches the SMMU drivers only.
            if device.conditions.driver == .virtio { return fixed(&recorder) }
            return candidates(bases, size, avoid, ifNone, device, &recorder)
        case .dynamic(let preference, let size):
            return dynamic(preference, size, device, &recorder)
        case .user(let option): return choose(option.driver, for: device, &recorder)
        case .none:
            recorder.record(.sourceNone, .noted, "The driver offers no window.")
            return .nothing
        }
    }

    private static func fixed<R: Recorder>(_ recorder: inout R) -> Offer {
        let window = WindowSource.mainlineWindow
        recorder.record(
            .windowFixed, .accepted, candidate: window,
            "The driver offers \(window.text), whatever the platform withholds.")
        return .window(window)
    }

    private static func candidates<R: Recorder>(
        _ bases: [UInt64], _ size: UInt64, _ avoid: WindowSource.Avoid, _ ifNone: WindowSource.IfNone,
        _ device: PreparedDevice, _ recorder: inout R
    ) -> Offer {
        for base in bases {
            guard let window = IOVARange(start: IOVA(base), size: size) else {
                preconditionFailure("candidate \(base) + \(size) wraps")
            }
            if isClear(window, avoid, device, &recorder) {
                recorder.record(
                    .candidateTaken, .accepted, candidate: window,
                    "\(window.text) touches nothing that it must avoid.")
                return .window(window)
            }
        }
        switch ifNone {
        case .offersNothing:
            recorder.record(
                .noneLeft, .rejected,
                "All \(bases.count) candidates are blocked; the driver offers no window.")
            return .nothing
        case .callerMustAllocate:
            recorder.record(
                .mustAllocate, .rejected,
                "All \(bases.count) candidates are blocked; the caller must allocate a window.")
            return .callerMustAllocate
        }
    }

    private static func isClear<R: Recorder>(
        _ window: IOVARange, _ avoid: WindowSource.Avoid, _ device: PreparedDevice, _ recorder: inout R
    ) -> Bool {
        let withheld = device.withheld
        if avoid != .everything,
            let region = device.seenByPostedSeries.first(where: { $0.meets(window) })
        {
            recorder.record(
                .candidateBlocked, .rejected, candidate: window,
                blocker: device.item(of: region),
                "\(window.text) touches the \(region.phrase).")
            return false
        }
        let blocker: WithheldItem?
        switch avoid {
        case .advertised: return true
        case .unreachable:
            blocker = withheld.items.first { $0.kind == .dmaRangesGap && $0.range.overlaps(window) }
            if blocker == nil, window.last.value <= withheld.dmaLimit,
                device.conditions.aperture.contains(window)
            {
                return true
            }
        case .everything:
            // The posted series avoids regions of any type, relaxable ones too.
            if withheld.free.contains(window) { return true }
            blocker = withheld.firstItem(overlapping: window)
        }
        recorder.record(
            .candidateBlocked, .rejected, candidate: window, blocker: blocker,
            WindowJudgement.sentence(window, blocker, withheld, device.conditions))
        return false
    }

    private static func dynamic<R: Recorder>(
        _ preference: WindowSource.Preference, _ size: UInt64, _ device: PreparedDevice,
        _ recorder: inout R
    ) -> Offer {
        let free = device.withheld.freeForWindow
        // As the constants are.
        let alignment = Granule.mib1
        let found: IOVARange? =
            switch preference {
            case .nearestDefault:
                free.nearestFit(to: WindowSource.mainlineWindow.start, size: size, alignment: alignment)
            case .lowest: free.lowestFit(size: size, alignment: alignment)
            case .highestBelow4G:
                free.highestFit(size: size, alignment: alignment, within: .below4GiB)
            }
        guard let found else {
            recorder.record(
                .noneLeft, .rejected,
                "No \(HexLiteral.text(size)) bytes are free at a multiple of 1 MiB; no window is offered.")
            return .nothing
        }
        recorder.record(
            .dynamicTaken, .accepted, candidate: found,
            "\(found.text) is the first choice among the windows that touch nothing withheld from user space."
        )
        return .window(found)
    }
}

/// What a window source yields for one device.
public enum Offer: Hashable, Sendable {
    /// This window.
    case window(IOVARange)
    /// No window. The driver says nothing about it.
    case nothing
    /// Hardware MSI regions take its place (virtio-iommu).
    case hardware
    /// No candidate fits: a caller that cannot choose a window is refused.
    case callerMustAllocate

    public var window: IOVARange? {
        if case .window(let range) = self { range } else { nil }
    }
}
