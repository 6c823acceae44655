// The consumer iommufd: devices of the group are attached to an address space one by one. Mirrors
// drivers/iommu/iommufd/device.c: iommufd_device_bind, iommufd_device_attach_reserved_iova and
// io_pagetable.c: iopt_table_enforce_dev_resv_regions, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import Machines

extension IOMMUFD {
    /// The address space with the group attached to it, in Linux's order of checks.
    func attaching<R: Recorder>(
        _ attempt: Attempt, _ recorder: inout R
    ) throws(Refusal) -> (IOMMUFD, Attachment) {
        let conditions = attempt.conditions
        if let because = conditions.iommufdWithoutIOMMU {
            // There is no group to claim, nothing to enforce, and no domain to add.
            recorder.record(.noGroup, .accepted, because)
            var attachment = Attachment(
                window: nil, hasHardwareMSI: false, regions: GroupRegionList(inserting: []))
            attachment.untranslatedBecause = because
            return (self, attachment)
        }
        try GroupClaim.claim(attempt.group, conditions, &recorder)
        try Self.bind(conditions, &recorder)
        let option = attempt.option
        if let option { try UserOption.store(option, attempt, &recorder) }
        let offers = try GroupClaim.offers(attempt.group, attempt.source, &recorder)
        var next = self
        var group = EnforcedRegions()
        for (member, (device, offer)) in zip(attempt.group.devices, offers).enumerated() {
            let regions = device.advertised(attempt.source, offer: offer)
            let option = member == attempt.group.subject ? option : nil
            try next.enforce(regions, option, &group, &recorder)
        }
        try next.add(attempt.aperture, conditions, &recorder)
        let attachment = Attachment(
            window: group.window, hasHardwareMSI: group.hasHardwareMSI,
            regions: attempt.group.offered(by: attempt.source, offers)?.regions
                ?? GroupRegionList(inserting: group.regions))
        return (next, attachment)
    }

    private static func bind<R: Recorder>(_ conditions: Conditions, _ recorder: inout R) throws(Refusal) {
        guard conditions.isCacheCoherent else {
            let because =
                "The IOMMU cannot enforce cache coherency for the device: binding fails with EINVAL."
            recorder.record(.iommufdNotCoherent, .rejected, because)
            throw Refusal(errno: .invalidArgument, because: because, remedy: .useVFIO)
        }
        try GroupClaim.checkIsolation(conditions, .iommufdUnsafeInterrupts, &recorder)
    }

    /// What the devices of one group add to the address space.
    private struct EnforcedRegions {
        /// `igroup.sw_msi_start`, with the length that goes with it; nil for "none".
        var window: IOVARange?
        var regions: [ReservedRegion] = []
        var hasHardwareMSI = false
    }

    /// iopt_table_enforce_dev_resv_regions: one device's regions, in driver order and unmerged.
    private mutating func enforce<R: Recorder>(
        _ regions: [ReservedRegion], _ option: UserWindow?, _ group: inout EnforcedRegions,
        _ recorder: inout R
    ) throws(Refusal) {
        var software = 0
        var hardware = 0
        var ranges: [IOVARange] = []
        for region in regions where region.kind != .directRelaxable {
            var held = region.range
            if region.kind == .msi { hardware += 1 }
            if region.kind == .softwareMSI {
                software += 1
                let chosen = option?.window(driver: region.range)
                group.window = option == nil ? region.range : chosen?.base
                if option != nil { held = chosen?.held ?? region.range }
            }
            guard let range = held else { continue }
            if let obstacle = obstacle(to: range) {
                let because =
                    "The region \(range.text) overlaps \(obstacle.text), which is mapped or allowed: EADDRINUSE."
                recorder.record(.iommufdRegionInUse, .rejected, candidate: range, because)
                throw Refusal(
                    errno: .addressInUse, because: because,
                    remedy: .leaveOut(range, isWindow: region.kind == .softwareMSI))
            }
            ranges.append(range)
        }
        if software == 0, let option { group.window = option.window(driver: nil)?.base }
        reserve(ranges)
        group.regions += regions
        group.hasHardwareMSI = group.hasHardwareMSI || hardware > 0
        guard software + (hardware > 0 ? 1 : 0) <= 1 else {
            let because =
                hardware > 0
                ? "The device has hardware and software MSI regions: attaching fails with EINVAL."
                : "The device has \(software) software MSI windows: attaching fails with EINVAL."
            recorder.record(.iommufdHardwareAndSoftware, .rejected, because)
            // Where VFIO needs a cookie it makes none beside a hardware region.
            let serves = hardware > 0 && !conditions.kernel.refusesDomainsWithoutCookie
            throw Refusal(
                errno: .invalidArgument, because: because, warning: .hardwareAndSoftwareMSI,
                remedy: serves ? .useVFIO : nil)
        }
    }

    /// iopt_table_add_domain, with what allocating the domain refuses before it.
    private mutating func add<R: Recorder>(
        _ aperture: IOVARange, _ conditions: Conditions, _ recorder: inout R
    ) throws(Refusal) {
        guard !conditions.hasGranuleAbovePage else {
            let because =
                "The IOMMU's smallest page, \(HexLiteral.text(conditions.granule.bytes)), is larger than the "
                + "CPU's: EINVAL."
            recorder.record(.iommufdGranule, .rejected, because)
            throw Refusal(
                errno: .invalidArgument, because: because, remedy: .useLargerPages(conditions.granule))
        }
        guard let obstacle = addDomain(aperture) else { return }
        let because =
            "\(obstacle.text) is mapped or allowed and does not fit a domain of \(aperture.text) "
            + "with pages of \(HexLiteral.text(conditions.userPage.bytes)): EADDRINUSE."
        recorder.record(.iommufdApertureInUse, .rejected, candidate: obstacle, because)
        throw Refusal(errno: .addressInUse, because: because, remedy: .fitAperture(aperture))
    }

    /// Without a software window doorbells keep their addresses, silently.
    static func withoutWindow<R: Recorder>(
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
            reachability: isHardware ? .yes : .no, because: because)
        if !isHardware {
            decision.warn(.physicalDoorbell, Hazards.physicalDoorbell)
        } else if let lost = Hazards.lostDoorbell(of: question) {
            Hazards.lose(lost, &decision)
        }
        return decision
    }
}

extension Conditions {
    /// That iommufd takes a device that has no IOMMU, and what follows; nil where it takes none, or the
    /// device has one.
    var iommufdWithoutIOMMU: String? {
        guard defaultDomain == .none, let serves = kernel.servesWithoutIOMMU else { return nil }
        return "The device has no IOMMU group. \(serves)"
    }
}

extension KernelProfile {
    /// That iommufd takes a device that has no IOMMU, and what follows; nil where it takes none.
    var servesWithoutIOMMU: String? {
        guard hasIOMMUFD, iommufdServesNoIOMMU else { return nil }
        return
            "\(doer(of: .iommufdNoIOMMU, startsSentence: true)) serves it "
            + "through iommufd even so, if the administrator lets it; nothing is translated, and MSIs go to physical addresses."
    }
}

extension Attempt {
    /// What user space chose for the device that is asked about.
    fileprivate var option: UserWindow? {
        guard isSubject, case .user(let option) = source else { return nil }
        return option
    }
}
