// The consumer iommufd: devices of the group are attached to an address space one by one, and doorbells are
// mapped through the context's own map. Mirrors drivers/iommu/iommufd/device.c: iommufd_device_bind,
// iommufd_device_attach_reserved_iova and io_pagetable.c: iopt_table_enforce_dev_resv_regions, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import Platforms
import SMMUModel

enum IOMMUFD {
    static func decide<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision {
        var attachment = Attachment(question)
        if let refusal = run(question, &attachment, &recorder) { return finished(refusal, question) }
        if let usable = question.usable { attachment.space.reserve(KnownRanges.gaps(in: usable)) }
        var decision = decision(question, attachment, &recorder)
        decision.ranges = attachment.space.ranges
        checkMaps(question, attachment, &decision, &recorder)
        if case .user(let option) = question.source {
            warn(about: option, question, attachment, &decision)
        }
        Hazards.warn(
            aboutWindows: GroupRegionList(inserting: attachment.regions), of: question,
            used: attachment.window, &decision)
        return finished(decision, question)
    }

    /// What attaching has come to.
    struct Attachment {
        var space: IOAddressSpace
        /// `igroup.sw_msi_start`, with the length that goes with it; nil for "none".
        var window: IOVARange?
        /// What the subject's group reports.
        var regions: [ReservedRegion] = []
        var hasHardwareMSI = false

        init(_ question: Question) {
            space = IOAddressSpace(
                conditions: question.conditions, allowed: question.allowed, mappings: question.mappings)
        }
    }

    private static func finished(_ decision: Decision, _ question: Question) -> Decision {
        var decision = decision
        Hazards.warn(about: question, &decision)
        Hazards.warn(aboutAssignment: question, &decision)
        return decision
    }

    /// Everything before interrupts are set up, in Linux's order; a refusal as a decision.
    private static func run<R: Recorder>(
        _ question: Question, _ attachment: inout Attachment, _ recorder: inout R
    ) -> Decision? {
        guard question.conditions.kernel.hasIOMMUFD else {
            let because =
                "Linux \(question.conditions.kernel.rawValue) has no iommufd: /dev/iommu is not there."
            recorder.record(.iommufdAbsent, .rejected, because)
            return Refusal(errno: .noEntry, because: because).decision
        }
        var ignored = NoRecorder()
        for earlier in question.earlierGroups {
            attachment.space.conditions.aperture = earlier.aperture ?? question.conditions.aperture
            if let refusal = attach(earlier.group, question, isSubject: false, &attachment, &ignored) {
                return VFIOType1.earlier(refusal, earlier.group)
            }
        }
        attachment.space.conditions.aperture = question.conditions.aperture
        return attach(question.group, question, isSubject: true, &attachment, &recorder)?.decision
    }

    static func attach<R: Recorder>(
        _ group: IOMMUGroup, _ question: Question, isSubject: Bool, _ attachment: inout Attachment,
        _ recorder: inout R
    ) -> Refusal? {
        if let refusal = GroupClaim.refusal(group, question.conditions, &recorder) { return refusal }
        if let refusal = bindRefusal(question.conditions, &recorder) { return refusal }
        if isSubject, case .user(let option) = question.source,
            let refusal = UserOption.refusal(option, question, &recorder)
        {
            return refusal
        }
        let offers = GroupClaim.offers(group, question, &recorder)
        if let refusal = GroupClaim.refusalWithoutWindow(offers, &recorder) { return refusal }
        attachment.window = nil
        attachment.regions = []
        attachment.hasHardwareMSI = false
        for (member, (device, offer)) in zip(group.devices, offers).enumerated() {
            let option: UserWindow? =
                if isSubject, member == group.subject, case .user(let option) = question.source {
                    option
                } else {
                    nil
                }
            let regions = AdvertisedRegions.list(
                for: device, offer: offer, source: question.source, conditions: question.conditions)
            if let refusal = enforce(regions, option, &attachment, &recorder) { return refusal }
        }
        return domainRefusal(question.conditions, &attachment, &recorder)
    }

    private static func bindRefusal<R: Recorder>(
        _ conditions: Conditions, _ recorder: inout R
    ) -> Refusal? {
        guard conditions.isCacheCoherent else {
            let because =
                "The IOMMU cannot enforce cache coherency for the device: binding fails with EINVAL."
            recorder.record(.iommufdNotCoherent, .rejected, because)
            return Refusal(errno: .invalidArgument, because: because)
        }
        return GroupClaim.refusalWithoutIsolation(conditions, .iommufdUnsafeInterrupts, &recorder)
    }

    /// iopt_table_enforce_dev_resv_regions: one device's regions, in driver order and unmerged.
    private static func enforce<R: Recorder>(
        _ regions: [ReservedRegion], _ option: UserWindow?, _ attachment: inout Attachment,
        _ recorder: inout R
    ) -> Refusal? {
        var software = 0
        var hardware = 0
        var ranges: [IOVARange] = []
        for region in regions where region.kind != .directRelaxable {
            var held = region.range
            if region.kind == .msi { hardware += 1 }
            if region.kind == .softwareMSI {
                software += 1
                let chosen = option?.window(driver: region.range)
                attachment.window = option == nil ? region.range : chosen?.base
                if option != nil { held = chosen?.held ?? region.range }
            }
            guard let range = held else { continue }
            if let obstacle = attachment.space.obstacle(to: range) {
                let because =
                    "The region \(range.text) meets \(obstacle.text), which is mapped or allowed: EADDRINUSE."
                recorder.record(.iommufdRegionInUse, .rejected, candidate: range, because)
                return Refusal(errno: .addressInUse, because: because)
            }
            ranges.append(range)
        }
        if software == 0, let option { attachment.window = option.window(driver: nil)?.base }
        attachment.space.reserve(ranges)
        attachment.regions += regions
        attachment.hasHardwareMSI = attachment.hasHardwareMSI || hardware > 0
        guard software + (hardware > 0 ? 1 : 0) <= 1 else {
            let because =
                hardware > 0
                ? "The device has hardware and software MSI regions: attaching fails with EINVAL."
                : "The device has \(software) software MSI windows: attaching fails with EINVAL."
            recorder.record(.iommufdHardwareAndSoftware, .rejected, because)
            return Refusal(errno: .invalidArgument, because: because, warning: .hardwareAndSoftwareMSI)
        }
        return nil
    }

    private static func domainRefusal<R: Recorder>(
        _ conditions: Conditions, _ attachment: inout Attachment, _ recorder: inout R
    ) -> Refusal? {
        guard conditions.granule.shift <= conditions.pageSize.shift else {
            let because =
                "The IOMMU's smallest page, \(HexLiteral.text(conditions.granule.bytes)), is larger than the "
                + "CPU's: EINVAL."
            recorder.record(.iommufdGranule, .rejected, because)
            return Refusal(errno: .invalidArgument, because: because)
        }
        guard let obstacle = attachment.space.addDomain() else { return nil }
        let because =
            "\(obstacle.text) is mapped or allowed and does not suit a domain of "
            + "\(attachment.space.conditions.aperture.text) "
            + "with pages of \(HexLiteral.text(conditions.userPage.bytes)): EADDRINUSE."
        recorder.record(.iommufdApertureInUse, .rejected, candidate: obstacle, because)
        return Refusal(errno: .addressInUse, because: because)
    }

    private static func decision<R: Recorder>(
        _ question: Question, _ attachment: Attachment, _ recorder: inout R
    ) -> Decision {
        guard let window = attachment.window else { return untranslated(question, attachment, &recorder) }
        var decision = Placed.decision(window, question, &recorder)
        if question.conditions.kernel.iommufdKeepsOwnMap {
            var map = SoftwareMSIMap(conditions: question.conditions)
            var mapped = MappedDoorbells()
            for doorbell in question.doorbells { map.map(doorbell, in: window, &mapped, &recorder) }
            Placed.add(mapped, to: &decision)
        } else {
            recorder.record(
                .cookieBase, .noted, candidate: window, "The MSI cookie starts at \(window.start.hex).")
            var cursor = MSICookie(window: window, conditions: question.conditions)
            for doorbell in question.doorbells { cursor.map(doorbell, &recorder) }
            Placed.add(cursor.mapped, to: &decision)
        }
        return decision
    }

    /// Without a software window doorbells keep their addresses, silently.
    private static func untranslated<R: Recorder>(
        _ question: Question, _ attachment: Attachment, _ recorder: inout R
    ) -> Decision {
        let isHardware = attachment.hasHardwareMSI
        let because =
            isHardware
            ? "The device has hardware MSI regions only, so doorbells keep their physical addresses."
            : "No software window is set, so doorbells keep physical addresses, which the SMMU does not map."
        recorder.record(.iommufdPhysical, isHardware ? .accepted : .rejected, because)
        var decision = Decision(
            outcome: isHardware ? .hardware : .none,
            doorbells: question.doorbells.map { .untranslated($0, question.conditions.pageSize) },
            isReachable: isHardware, because: because)
        if !isHardware {
            decision.warn(
                .physicalDoorbell,
                "MSIs go to the physical doorbell through a translating SMMU and fault.")
        }
        return decision
    }

    private static func checkMaps<R: Recorder>(
        _ question: Question, _ attachment: Attachment, _ decision: inout Decision, _ recorder: inout R
    ) {
        guard !question.mapChecks.isEmpty else { return }
        let holes = attachment.space.holes
        for check in question.mapChecks {
            switch check {
            case .fixed(let iova, let bytes):
                MapChecks.add(
                    check, iova, bytes, attachment.space.errno(iova: iova, bytes: bytes),
                    window: attachment.window, &decision, &recorder)
            case .automatic(let bytes, let userAddress):
                switch attachment.space.place(bytes: bytes, userAddress: userAddress, in: holes) {
                case .success(let iova):
                    MapChecks.add(check, iova, bytes, nil, window: nil, &decision, &recorder)
                case .failure(let error):
                    MapChecks.add(check, 0, bytes, error.errno, window: nil, &decision, &recorder)
                }
            }
        }
    }

    /// The defects of the series as it was posted.
    private static func warn(
        about option: UserWindow, _ question: Question, _ attachment: Attachment, _ decision: inout Decision
    ) {
        guard option.reading == .asPosted else { return }
        guard let window = attachment.window else {
            decision.warn(
                .optionNotSet,
                "As posted, a device whose option is not set loses the driver's window and with it its MSIs.")
            return
        }
        let driverOffers = attachment.regions.contains { $0.kind == .softwareMSI }
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
        if !question.conditions.aperture.contains(window) {
            decision.warn(
                .optionUnchecked,
                "As posted, the options are not checked against the aperture "
                    + "\(question.conditions.aperture.text).",
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
        guard let base = IOVARange(start: IOVA(start), size: max(given, UserOption.mebibyte)) else {
            return nil
        }
        return (base, reading == .asPosted && given == 0 ? driver : base)
    }
}
