// The checks of the posted options IOMMU_OPTION_SW_MSI_START and _SIZE, in their order. Mirrors "iommufd:
// allow user space to choose the SW_MSI window", v2 (posted 2025-10-14, not merged); `as_intended` adds what
// its reviewers asked for.

import AddressSpaces
import LinuxReleases
import Machines

enum UserOption {
    /// Sets the options for the device that is asked about.
    static func store<R: Recorder>(
        _ option: UserWindow, _ attempt: Attempt, _ recorder: inout R
    ) throws(Refusal) {
        if option.isAttached {
            let because = "The options can be set only before the device is attached: EBUSY."
            recorder.record(.optionBusy, .rejected, because)
            throw Refusal(errno: .busy, because: because, remedy: .setOptionEarlier)
        }
        // SIZE alone meets an unset START, which is all ones and so not aligned.
        if let start = option.start {
            try check(start, Granule.mib1.bytes, option, attempt, &recorder)
        }
        guard let size = option.size else { return }
        guard Granule.mib1.isAligned(size) else { throw misaligned(size, &recorder) }
        try check(option.start ?? .max, max(size, Granule.mib1.bytes), option, attempt, &recorder)
    }

    private static func misaligned<R: Recorder>(_ value: UInt64, _ recorder: inout R) -> Refusal {
        let because = "\(HexLiteral.text(value)) is not a multiple of 1 MiB: EINVAL."
        recorder.record(.optionMisaligned, .rejected, because)
        return Refusal(errno: .invalidArgument, because: because, remedy: .alignOption)
    }

    private static func check<R: Recorder>(
        _ start: UInt64, _ size: UInt64, _ option: UserWindow, _ attempt: Attempt, _ recorder: inout R
    ) throws(Refusal) {
        guard Granule.mib1.isAligned(start) else { throw misaligned(start, &recorder) }
        guard let window = IOVARange(start: IOVA(start), size: size) else {
            let because =
                "\(HexLiteral.text(size)) bytes at \(HexLiteral.text(start)) extend past 2^64: EOVERFLOW."
            recorder.record(.optionOverflows, .rejected, because)
            throw Refusal(errno: .overflow, because: because, remedy: .alignOption)
        }
        // Asked for in review: all who share the group or the address space.
        let checked =
            option.reading == .asPosted
            ? [attempt.group.device] : attempt.group.devices + attempt.others
        for device in checked {
            guard
                let region = device.advertised(option.driver).first(where: {
                    $0.kind != .softwareMSI && $0.kind != .directRelaxable && $0.meets(window)
                })
            else { continue }
            let because =
                "\(window.text) overlaps the \(region.phrase): EADDRINUSE."
            let blocker = device.item(of: region)
            recorder.record(.optionOverlaps, .rejected, candidate: window, blocker: blocker, because)
            throw Refusal(
                errno: .addressInUse, because: because, blocker: blocker,
                remedy: .moveOption(attempt.group.freeBases))
        }
        guard option.reading == .asPosted || attempt.conditions.aperture.contains(window) else {
            let because =
                "\(window.text) is not within the aperture \(attempt.conditions.aperture.text): EADDRINUSE."
            recorder.record(.optionBeyondAperture, .rejected, candidate: window, because)
            throw Refusal(
                errno: .addressInUse, because: because, warning: .windowBeyondAperture,
                remedy: .moveOption(attempt.group.freeBases))
        }
        recorder.record(.optionStored, .accepted, candidate: window, "\(window.text) is stored.")
    }

    /// The defects of the series as it was posted.
    static func warn(
        about option: UserWindow, _ conditions: Conditions, _ attachment: Attachment,
        _ decision: inout Decision
    ) {
        guard option.reading == .asPosted else { return }
        guard let window = attachment.window else {
            decision.warn(
                .optionNotSet,
                "As posted, a device whose option is not set loses the driver's window and with it its MSIs.")
            return
        }
        let driverOffers = attachment.regions.regions.contains { $0.kind == .softwareMSI }
        if !driverOffers {
            decision.warn(
                .optionUnreserved,
                "The driver offers no window to replace, so \(window.text) is used without being reserved.",
                range: window)
        } else if (option.size ?? 0) == 0 {
            decision.warn(
                .optionSizeIgnored,
                "SIZE is not set, so the driver's own window is reserved instead of \(window.text).",
                range: window)
        }
        if !conditions.aperture.contains(window) {
            decision.warn(
                .optionUnchecked,
                "As posted, the options are not checked against the aperture \(conditions.aperture.text).",
                range: window)
        }
    }
}

extension UserWindow {
    /// Where doorbells go and what is reserved for them, in place of the driver's window.
    func window(driver: IOVARange?) -> (base: IOVARange, held: IOVARange?)? {
        guard let start else {
            // The default path: kept as intended, lost as posted.
            return reading == .asIntended ? driver.map { ($0, $0) } : nil
        }
        let given = size ?? 0
        guard let base = IOVARange(start: IOVA(start), size: max(given, Granule.mib1.bytes)) else {
            return nil
        }
        return (base, reading == .asPosted && given == 0 ? driver : base)
    }
}
