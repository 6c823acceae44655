// What is silent or late in Linux, reported with every decision that it concerns: hazards of firmware, of
// handing a device to user space, and of the kernel's own DMA domain. Each hazard has one place here or where
// it arises; none changes a decision.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import Machines

enum Hazards {
    /// Hazards of the device's firmware, which do not depend on the consumer.
    static func warn(about question: Question, _ decision: inout Decision) {
        if case .user = question.source, question.consumer != .iommufd {
            decision.warn(
                .optionNotForConsumer,
                "User space can choose a window through iommufd only: \(question.consumer.rawValue) ignores "
                    + "the choice.")
        }
        for device in question.prepared.devices { decision.warn(device.hazards) }
    }

    /// What a device's firmware brings, worked out once for each device.
    static func ofFirmware(
        of device: Device, applying applied: [ReservedRegion], under kernel: KernelProfile
    ) -> [Warning] {
        var found: [Warning] = []
        for unapplied in device.unappliedRegions { add(unapplied, of: device, kernel, &found) }
        for region in applied { add(region, &found) }
        return found
    }

    private static func add(
        _ unapplied: UnappliedRegion, of device: Device, _ kernel: KernelProfile,
        _ found: inout [Warning]
    ) {
        switch unapplied.reason {
        case .crashesKernel:
            let effect: String
            switch kernel.untranslatable {
            // Nobody reads the entry.
            case .ignored: return
            case .oops: effect = "oopses when the device's driver binds, and hangs"
            case .panic: effect = "panics at boot"
            }
            found.add(
                .kernelCrashes,
                "An iommu-addresses entry at \(unapplied.location) for \(device.id) does not translate: "
                    + "\(kernel.doer(of: .untranslatableIOMMUAddresses)) dereferences a null pointer and \(effect)."
            )
        // What lies there is told where a window or a page meets it.
        case .notListed: return
        case .rmrWithoutPreservedConfiguration:
            found.add(
                .rmrSkipped,
                "The RMR at \(unapplied.location) counts as skipped for \(device.id): nothing that was sent says that "
                    + "its host bridge asks to keep its configuration (_DSM function 5). Linux applies the RMR if it "
                    + "does: send preserve_config=true then.",
                range: unapplied.region?.range)
        case .rmrOfSingleFunctions:
            found.add(
                .rmrSkipped,
                "The RMR at \(unapplied.location) is for single functions behind \(device.id), which stands for all "
                    + "others: ask about the function by its address.",
                range: unapplied.region?.range)
        }
    }

    private static func add(_ region: ReservedRegion, _ found: inout [Warning]) {
        if region.length == 0 {
            found.add(
                .zeroLengthRegion,
                "The \(region.phrase) has no bytes: Linux keeps it with an end "
                    + "below its start, and each consumer treats that differently.")
        } else if region.range == nil {
            found.add(
                .wrappingRegion,
                "The \(region.phrase) extends past 2^64: Linux computes an end "
                    + "of \(HexLiteral.text(region.wrappingLast)) and protects nothing below it.")
        }
    }

    /// What comes with handing a device to user space.
    static func warn(aboutAssignment question: Question, _ decision: inout Decision) {
        let conditions = question.conditions
        if question.subject.withheld.errno != nil { decision.warn(.dmaDomainSetupFails, Self.setUpFailure) }
        if !conditions.hasIsolatedMSI, conditions.allowsUnsafeInterrupts == nil,
            decision.outcome != .refused
        {
            decision.warn(
                .unsafeInterrupts,
                "The interrupt controller does not isolate MSIs: without allow_unsafe_interrupts=1 (a "
                    + "parameter of vfio_iommu_type1 and of iommufd) attaching fails with EPERM.")
        }
        if let remark = question.usable?.remark { decision.warn(.rangesBeforeAttach, remark) }
        for device in question.prepared.devices {
            for place in device.applied.indices where device.applied[place].kind == .direct {
                let region = device.applied[place]
                guard let remark = region.unenforcedRemark(under: conditions) else { continue }
                decision.warn(.directRegionUnenforced, remark, range: region.range)
            }
        }
    }

    static let physicalDoorbell =
        "MSIs go to the doorbell's physical address through a translating SMMU and fault."

    /// The first doorbell that no hardware MSI region of the group holds: only what is in one passes the
    /// IOMMU untranslated.
    static func lostDoorbell(of question: Question) -> PhysicalAddress? {
        let regions = question.prepared.devices.flatMap(\.withheld.items).filter { $0.kind == .hardwareMSI }
        return question.doorbells.first { doorbell in
            !regions.contains { ($0.exact ?? $0.range).contains(IOVA(doorbell.value)) }
        }
    }

    /// Says of a decision whose doorbells keep their addresses that one is in no hardware MSI region.
    static func lose(_ doorbell: PhysicalAddress, _ decision: inout Decision) {
        decision.reachability = .no
        decision.because +=
            " No hardware MSI region holds the doorbell \(HexLiteral.text(doorbell.value)), and the IOMMU does not map it."
        decision.warn(.physicalDoorbell, physicalDoorbell)
    }

    static let setUpFailure =
        "The bus addresses of dma-ranges are not in the order of their CPU addresses: setting up the DMA "
        + "domain fails with EINVAL, and the gaps after the failure are not known."

    /// Windows of several devices or groups that do not agree.
    static func warn(
        aboutWindows regions: GroupRegionList, of question: Question, used: IOVARange?,
        _ decision: inout Decision
    ) {
        guard let used else { return }
        var windows: [IOVARange] = []
        // By place: a walk over the regions themselves counts references to each one's provenance.
        for place in regions.regions.indices where regions.regions[place].kind == .softwareMSI {
            if let range = regions.regions[place].range { windows.append(range) }
        }
        if windows.count > 1 {
            decision.warn(
                .severalWindows,
                "The devices of the group offer \(windows.count) windows; \(used.text) is used for all of them.",
                range: used)
        }
        if !windows.isEmpty, !windows.contains(where: { $0.contains(used.start) }),
            !question.earlierGroups.isEmpty
        {
            decision.warn(
                .cookieOfFirstGroup,
                "The group joins a domain whose cookie starts at \(used.start.hex), the window of the group that "
                    + "created it; its own window \(windows[0].text) is kept free and not used.",
                range: used)
        }
        for device in question.prepared.mates {
            for item in device.withheld.lastingRegions(overlapping: used) {
                decision.warn(
                    .groupMateReservations,
                    "\(used.text) lies in a reservation of \(device.device.id) of the same group: \(item.provenance).",
                    range: item.range)
            }
        }
    }
}

extension Hazards {
    static func warn(
        aboutDomain domain: DMADomain, _ question: Question, _ decision: inout Decision
    ) {
        if domain.errno == .badAddress {
            decision.warn(
                .dmaDomainSetupFails,
                DMADomain.outside(question.conditions.aperture)
                    + ": setting up the DMA domain fails with EFAULT.")
        } else if domain.errno != nil {
            decision.warn(.dmaDomainSetupFails, setUpFailure)
        }
        decision.warn(question.prepared.first.inboundWindowHazards)
        warn(aboutMatesOf: question, &decision)
        for call in domain.inverted {
            let lo = domain.granule.address(ofFrame: call.frames(domain.granule).lo)
            if decision.doorbells.contains(where: { $0.page.value == lo }) {
                decision.warn(
                    .untrackedPage,
                    "The page \(HexLiteral.text(lo)) falls on the inverted node of \(call.provenance): Linux "
                        + "returns the address without recording it, and may crash later.")
            }
        }
    }

    /// The quirks of reserving what lies between the inbound windows of the first device of a domain.
    static func ofInboundWindows(of device: Device, in granule: Granule) -> [Warning] {
        var found: [Warning] = []
        var end: UInt64 = 0
        for window in DMAReservations.inCPUOrder(device.inboundWindows) {
            guard window.busStart >= end || end == 0 else { break }
            if window.busStart != end {
                found.add(
                    .inboundWindowLosesGranule,
                    "The first page of the inbound window at \(HexLiteral.text(window.busStart)) is reserved with the "
                        + "gap below it.",
                    range: granule.page(of: IOVA(window.busStart)))
            }
            end = window.busStart &+ window.size
            if end == 0 {
                found.add(
                    .inboundWindowToTheTop,
                    "The inbound window at \(HexLiteral.text(window.busStart)) ends at 2^64-1: the kernel's cursor "
                        + "wraps to 0 and, after the last window, everything is reserved.")
            }
        }
        return found
    }

    /// The allocator knows the first device's reservations only.
    private static func warn(aboutMatesOf question: Question, _ decision: inout Decision) {
        let group = question.prepared
        guard group.devices.count > 1 else { return }
        let known = Set(group.first.reservations.calls)
        let pages = IOVASet(
            decision.doorbells.map { doorbell in
                question.conditions.granule.page(of: doorbell.page)
            })
        for mate in group.devices.dropFirst() {
            for call in mate.reservations.calls where !known.contains(call) {
                let range = call.range(question.conditions.granule)
                let what =
                    "\(call.kind.phrase) \(range?.text ?? HexLiteral.text(call.first)) of \(mate.device.id)"
                if let range, !pages.ranges(overlapping: range).isEmpty {
                    hit(call.kind, what, range, &decision)
                } else {
                    decision.warn(
                        .groupMateReservations,
                        "The \(what) is not reserved in the domain, which was set up for \(group.first.device.id).",
                        range: range)
                }
            }
        }
        for mate in group.mates {
            for item in pages.ranges.flatMap(mate.withheld.items(overlapping:)) where item.isIgnoredByLinux {
                let what = "\(item.kind.phrase) \(item.range.text) of \(mate.device.id) (\(item.provenance))"
                hit(item.kind, what, item.range, &decision)
            }
        }
    }

    /// A doorbell page lies where a mate's reservation would be.
    private static func hit(
        _ kind: WithheldItem.Kind, _ what: String, _ range: IOVARange, _ decision: inout Decision
    ) {
        let words = "The doorbell page lies in the \(what), which is not reserved in"
        decision.warn(.groupMateReservations, "\(words) the domain of its group.", range: range)
        decision.reachability = min(decision.reachability, kind.reachability)
        decision.because = "\(words) its domain\(kind.reachability.clause)."
    }
}
