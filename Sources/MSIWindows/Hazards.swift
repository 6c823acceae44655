// What is silent or late in Linux, told with every decision that it concerns. Each hazard has one place
// here or where it arises; none changes a decision.

import AddressSpaces
import IOVAAllocation
import Platforms
import SMMUModel

enum Hazards {
    /// What the device's firmware brings, whoever maps doorbells.
    static func warn(about question: Question, _ decision: inout Decision) {
        if case .user = question.source, question.consumer != .iommufd {
            decision.warn(
                .optionNotForConsumer,
                "User space chooses a window through iommufd only: \(question.consumer.rawValue) goes on as if "
                    + "none were chosen.")
        }
        for device in question.group.devices {
            for unapplied in device.unappliedRegions { warn(about: unapplied, of: device, &decision) }
            for region in device.firmwareRegions
            where region.isApplied(to: device, under: question.conditions) {
                warn(about: region, of: device, &decision)
            }
        }
    }

    private static func warn(
        about unapplied: UnappliedRegion, of device: Device, _ decision: inout Decision
    ) {
        switch unapplied.reason {
        case .crashesKernel:
            decision.warn(
                .kernelCrashes,
                "An iommu-addresses entry at \(unapplied.location) for \(device.id) does not translate: Linux "
                    + "dereferences a null pointer and crashes at boot.")
        case .rmrWithoutPreservedConfiguration:
            decision.warn(
                .rmrSkipped,
                "The RMR at \(unapplied.location) is skipped for \(device.id): its host bridge does not ask to keep "
                    + "its configuration (_DSM function 5).",
                range: unapplied.region?.range)
        case .rmrOfSingleFunctions:
            decision.warn(
                .rmrSkipped,
                "The RMR at \(unapplied.location) is for single functions behind \(device.id), which stands for the "
                    + "others: ask for the function by its address.",
                range: unapplied.region?.range)
        }
    }

    private static func warn(
        about region: ReservedRegion, of device: Device, _ decision: inout Decision
    ) {
        if region.length == 0 {
            decision.warn(
                .zeroLengthRegion,
                "\(region.provenanceText) at \(HexLiteral.text(region.start)) has no bytes: Linux keeps it, its end "
                    + "lies below its start, and each consumer takes that differently.")
        } else if region.range == nil {
            decision.warn(
                .wrappingRegion,
                "\(region.provenanceText) at \(HexLiteral.text(region.start)) passes 2^64: Linux computes with an end "
                    + "of \(HexLiteral.text(region.wrappingLast)) and protects nothing below it.")
        }
    }

    /// What comes with handing a device to user space.
    static func warn(aboutAssignment question: Question, _ decision: inout Decision) {
        let conditions = question.conditions
        let withheld = Withheld(for: question.device, under: conditions)
        if withheld.errno != nil { decision.warn(.dmaDomainSetupFails, Self.setUpFailure) }
        if !conditions.hasIsolatedMSI, conditions.allowsUnsafeInterrupts == nil,
            decision.outcome != .refused
        {
            decision.warn(
                .unsafeInterrupts,
                "The interrupt controller does not isolate MSIs: without allow_unsafe_interrupts=1 attaching "
                    + "fails with EPERM.")
        }
        // No SMMU translates 64 bits.
        if let last = question.usable?.map(\.last).max(), last.value == .max {
            decision.warn(
                .rangesBeforeAttach,
                "iova_ranges reach 2^64-1, as before any attach: they say nothing of this host. Read them again "
                    + "afterwards.")
        }
        guard !conditions.kernel.refusesBlockingDirectDevices else { return }
        for device in question.group.devices {
            for region in device.firmwareRegions
            where region.kind == .direct && region.isApplied(to: device, under: conditions) {
                decision.warn(
                    .directRegionUnenforced,
                    "\(region.provenanceText) wants a mapping one to one, which Linux \(conditions.kernel.rawValue) "
                        + "drops when the group is handed over.",
                    range: region.range)
            }
        }
    }

    static let setUpFailure =
        "The bus addresses of dma-ranges are not in the order of their CPU addresses: the DMA "
        + "domain's set-up fails with EINVAL, and gaps behind the failure are not known."

    /// Windows of several devices or groups that do not agree.
    static func warn(
        aboutWindows regions: GroupRegionList, of question: Question, used: IOVARange?,
        _ decision: inout Decision
    ) {
        guard let used else { return }
        let windows = regions.regions.filter { $0.kind == .softwareMSI }.compactMap(\.range)
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
                    + "made it; its own window \(windows[0].text) is kept free and not used.",
                range: used)
        }
        for device in question.group.mates {
            let items = Withheld(for: device, under: question.conditions).items(overlapping: used)
            for item in items where item.type != nil && !item.isRelaxable {
                decision.warn(
                    .groupMateReservations,
                    "\(used.text) lies in a reservation of \(device.id) of the same group: \(item.provenance).",
                    range: item.range)
            }
        }
    }
}
