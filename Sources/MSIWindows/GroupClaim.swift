// What stops user space before VFIO or iommufd look at windows: no group, a direct region, a window that the
// caller must allocate. Mirrors drivers/iommu/iommu.c: iommu_group_claim_dma_owner and
// __iommu_device_set_domain, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import Platforms
import SMMUModel

enum GroupClaim {
    /// The first reason for which nobody can take the group, nil when there is none.
    static func refusal<R: Recorder>(
        _ group: IOMMUGroup, _ conditions: Conditions, _ recorder: inout R
    ) -> Refusal? {
        if conditions.defaultDomain == .none {
            let because = "The device has no IOMMU group, so there is nothing to hand to user space."
            recorder.record(.noGroup, .rejected, because)
            return Refusal(errno: .noEntry, because: because, warning: .noGroup)
        }
        for device in group.devices {
            guard
                let region = device.firmwareRegions.first(where: {
                    $0.kind == .direct && $0.isApplied(to: device, under: conditions)
                })
            else { continue }
            guard conditions.kernel.refusesBlockingDirectDevices else {
                recorder.record(
                    .directRegionIgnored, .noted,
                    "\(region.provenanceText) wants a mapping one to one; Linux \(conditions.kernel.rawValue) "
                        + "hands the group over all the same.")
                continue
            }
            let because =
                "Firmware wants \(region.provenanceText) at \(HexLiteral.text(region.start)) mapped one to "
                + "one, so Linux lets nobody take the group: claiming it fails with EINVAL."
            let blocker = Withheld(for: device, under: conditions).items.first { $0.type == .direct }
            recorder.record(.groupDirectRegion, .rejected, candidate: nil, blocker: blocker, because)
            return Refusal(
                errno: .invalidArgument, because: because, blocker: blocker, warning: .directRegion)
        }
        return nil
    }

    /// What each device's driver offers, in group order.
    static func offers<R: Recorder>(
        _ group: IOMMUGroup, _ question: Question, _ recorder: inout R
    ) -> [Offer] {
        group.devices.map { device in
            let usable = device == question.device ? question.usable : nil
            let withheld = Withheld(for: device, under: question.conditions, usable: usable)
            return WindowChoice.choose(
                question.source, for: device, question.conditions, withheld, &recorder)
        }
    }

    /// Nobody has coded it: the errno is this model's proposal.
    static func refusalWithoutWindow<R: Recorder>(_ offers: [Offer], _ recorder: inout R) -> Refusal? {
        guard offers.contains(.callerMustAllocate) else { return nil }
        let because =
            "Every candidate is blocked, so the caller must allocate a window, which it cannot here: "
            + "attaching is refused (EADDRNOTAVAIL is proposed; none was ever specified)."
        recorder.record(.refusedWithoutWindow, .rejected, because)
        return Refusal(errno: .addressNotAvailable, because: because, warning: .callerMustAllocate)
    }

    /// MSIs that are not isolated need the administrator's word.
    static func refusalWithoutIsolation<R: Recorder>(
        _ conditions: Conditions, _ rule: Rule, _ recorder: inout R
    ) -> Refusal? {
        guard !conditions.hasIsolatedMSI else { return nil }
        guard conditions.allowsUnsafeInterrupts == false else {
            recorder.record(rule, .noted, "MSIs are not isolated; allow_unsafe_interrupts lets it pass.")
            return nil
        }
        let because =
            "The interrupt controller does not isolate MSIs and allow_unsafe_interrupts is off: EPERM."
        recorder.record(rule, .rejected, because)
        return Refusal(errno: .notPermitted, because: because, warning: .unsafeInterrupts)
    }
}
