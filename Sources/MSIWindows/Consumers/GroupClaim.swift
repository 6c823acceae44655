// What stops user space before VFIO or iommufd look at windows: no group, a direct region, a window that the
// caller must allocate. Mirrors drivers/iommu/iommu.c: iommu_group_claim_dma_owner and
// __iommu_device_set_domain, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
public import Machines

enum GroupClaim {
    static func oneToOne(_ region: ReservedRegion) -> String {
        "The direct \(region.phrase) must be mapped one to one"
    }

    /// Takes the group for user space, or says why that fails.
    static func claim<R: Recorder>(
        _ group: PreparedGroup, _ conditions: Conditions, _ recorder: inout R
    ) throws(Refusal) {
        if conditions.defaultDomain == .none {
            let because =
                (group.device.source.lacksIOMMUBecause ?? "The device has no IOMMU group")
                + ", so it cannot be handed to user space."
            recorder.record(.noGroup, .rejected, because)
            throw Refusal(errno: .noEntry, because: because, warning: .noGroup, remedy: .makeGroup)
        }
        for device in group.devices {
            guard let region = device.directRegions.first else { continue }
            guard conditions.kernel.refusesBlockingDirectDevices else {
                recorder.record(
                    .directRegionIgnored, .noted,
                    "\(oneToOne(region)); \(conditions.kernel.doer(of: .refusesBlockingDirect)) hands the group to user "
                        + "space all the same."
                )
                continue
            }
            let because =
                "\(oneToOne(region)), so the group cannot be handed to user space: claiming it fails with EINVAL."
            let blocker = device.item(of: region)
            recorder.record(.groupDirectRegion, .rejected, candidate: nil, blocker: blocker, because)
            throw Refusal(
                errno: .invalidArgument, because: because, blocker: blocker, warning: .directRegion,
                remedy: .dropDirectRegion)
        }
    }

    /// VFIO takes no group of which a driver of its own has a device (drivers/vfio/group.c:
    /// vfio_group_ioctl_set_container, Linux 7.2; 5.10 notices when the device is opened).
    static func checkViable<R: Recorder>(
        _ conditions: Conditions, _ recorder: inout R
    ) throws(Refusal) {
        guard conditions.hasForeignDriver else { return }
        let errno = conditions.kernel.notViableErrno
        let call = errno == .notPermitted ? "VFIO_GROUP_SET_CONTAINER" : "VFIO_GROUP_GET_DEVICE_FD"
        let because =
            "Another device of the group is bound to a driver that is not VFIO's, so the group is not viable: "
            + "\(call) fails with \(errno.rawValue)."
        recorder.record(.groupNotViable, .rejected, because)
        throw Refusal(errno: errno, because: because, remedy: .bindGroup(id: nil))
    }

    /// What each device's driver offers, in group order. Where no candidate fits and the caller must
    /// allocate, attaching is refused; no kernel does that yet, and the errno is this model's proposal.
    static func offers<R: Recorder>(
        _ group: PreparedGroup, _ source: WindowSource, _ recorder: inout R
    ) throws(Refusal) -> [Offer] {
        var offers: [Offer] = []
        for device in group.devices {
            offers.append(WindowChoice.choose(source, for: device, &recorder))
        }
        guard offers.contains(.callerMustAllocate) else { return offers }
        let because =
            "Every candidate is blocked, so the caller must allocate a window, and it cannot: "
            + "attaching is refused (EADDRNOTAVAIL is this model's proposal; no errno was ever specified)."
        recorder.record(.refusedWithoutWindow, .rejected, because)
        throw Refusal(
            errno: .addressNotAvailable, because: because, warning: .callerMustAllocate,
            remedy: .moveCandidates(group.freeBases))
    }

    /// MSIs that are not isolated need the administrator's word.
    static func checkIsolation<R: Recorder>(
        _ conditions: Conditions, _ rule: Rule, _ recorder: inout R
    ) throws(Refusal) {
        guard !conditions.hasIsolatedMSI else { return }
        guard conditions.allowsUnsafeInterrupts == false else {
            recorder.record(rule, .noted, "MSIs are not isolated; allow_unsafe_interrupts permits it.")
            return
        }
        let because =
            "The interrupt controller does not isolate MSIs and allow_unsafe_interrupts is off: EPERM."
        recorder.record(rule, .rejected, because)
        throw Refusal(
            errno: .notPermitted, because: because, warning: .unsafeInterrupts, remedy: .isolateInterrupts)
    }
}

extension ReservedRegion {
    /// What becomes of a direct region that user space gets in spite of it, for a warning; nil for any other
    /// region, and where the kernel refuses the group.
    public func unenforcedRemark(under conditions: Conditions) -> String? {
        guard kind == .direct, !conditions.kernel.refusesBlockingDirectDevices else { return nil }
        return
            "\(GroupClaim.oneToOne(self)); \(conditions.kernel.doer(of: .refusesBlockingDirect)) drops that mapping when the group is "
            + "handed to user space."
    }
}
