// The checks of the posted options IOMMU_OPTION_SW_MSI_START and _SIZE, in their order. Mirrors "iommufd:
// allow user space to choose the SW_MSI window", v2 (posted 2025-10-14, not merged); `as_intended` adds what
// its reviewers asked for.

import AddressSpaces
import Platforms
import SMMUModel

enum UserOption {
    static let mebibyte: UInt64 = 0x10_0000

    /// What setting the options fails with; nil when they are stored.
    static func refusal<R: Recorder>(
        _ option: UserWindow, _ question: Question, _ recorder: inout R
    ) -> Refusal? {
        if option.isAttached {
            let because = "The options can be set before the device is attached only: EBUSY."
            recorder.record(.optionBusy, .rejected, because)
            return Refusal(errno: .busy, because: because)
        }
        // SIZE alone meets an unset START, which is all ones and so not aligned.
        if let start = option.start {
            if let refusal = refusal(start, mebibyte, option, question, &recorder) { return refusal }
        }
        guard let size = option.size else { return nil }
        guard size & (mebibyte - 1) == 0 else { return misaligned(size, &recorder) }
        return refusal(option.start ?? .max, max(size, mebibyte), option, question, &recorder)
    }

    private static func misaligned<R: Recorder>(_ value: UInt64, _ recorder: inout R) -> Refusal {
        let because = "\(HexLiteral.text(value)) is no multiple of 1 MiB: EINVAL."
        recorder.record(.optionMisaligned, .rejected, because)
        return Refusal(errno: .invalidArgument, because: because)
    }

    private static func refusal<R: Recorder>(
        _ start: UInt64, _ size: UInt64, _ option: UserWindow, _ question: Question, _ recorder: inout R
    ) -> Refusal? {
        guard start & (mebibyte - 1) == 0 else { return misaligned(start, &recorder) }
        guard let window = IOVARange(start: IOVA(start), size: size) else {
            let because = "\(HexLiteral.text(size)) bytes at \(HexLiteral.text(start)) pass 2^64: EOVERFLOW."
            recorder.record(.optionOverflows, .rejected, because)
            return Refusal(errno: .overflow, because: because)
        }
        // Asked for in review: all who share the group or the address space.
        let checked =
            option.reading == .asPosted
            ? [question.device]
            : question.group.devices + question.earlierGroups.flatMap(\.group.devices)
        for device in checked {
            let regions = AdvertisedRegions.list(
                for: device, source: option.driver, conditions: question.conditions)
            guard
                let region = regions.first(where: {
                    $0.kind != .softwareMSI && $0.kind != .directRelaxable && overlaps(window, $0)
                })
            else { continue }
            let because =
                "\(window.text) meets \(region.provenanceText) at \(HexLiteral.text(region.start)): EADDRINUSE."
            let blocker = Withheld(for: device, under: question.conditions).items(overlapping: window)
                .first { $0.isAdvertised }
            recorder.record(.optionOverlaps, .rejected, candidate: window, blocker: blocker, because)
            return Refusal(errno: .addressInUse, because: because, blocker: blocker)
        }
        guard option.reading == .asPosted || question.conditions.aperture.contains(window) else {
            let because =
                "\(window.text) is not within the aperture \(question.conditions.aperture.text): EADDRINUSE."
            recorder.record(.optionBeyondAperture, .rejected, candidate: window, because)
            return Refusal(errno: .addressInUse, because: because, warning: .windowBeyondAperture)
        }
        recorder.record(.optionStored, .accepted, candidate: window, "\(window.text) is stored.")
        return nil
    }

    private static func overlaps(_ window: IOVARange, _ region: ReservedRegion) -> Bool {
        window.start.value <= region.wrappingLast && window.last.value >= region.start
    }
}
