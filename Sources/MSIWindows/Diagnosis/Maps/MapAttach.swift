// Why Linux does not give a group to user space: by the host's own decision where there is a host, otherwise
// by what the message says. Mirrors the checks in GroupClaim and VFIOType1; none is written here again.

import AddressSpaces
import LinuxReleases
import Machines

enum MapAttach {
    static func explain(_ failure: MapFailure, _ scene: MapScene?) -> MapExplanation {
        if let scene, !scene.isAttached {
            let isSame = failure.errno == scene.decision.errno
            return MapExplanation(
                failure, .refusedAttach, isSame ? .yes : .likely, because: scene.decision.because,
                changes: changes(scene))
        }
        if let reason = failure.reason { return explain(failure, reason) }
        let because =
            switch failure.errno {
            case .notPermitted:
                "Attaching failed with EPERM: the platform does not isolate interrupts between devices."
            case .invalidArgument:
                "Attaching failed with EINVAL: a reserved region meets a mapping that exists, no usable IOVA is left, the "
                    + "apertures differ, or a device of the group must be mapped one to one."
            case .busy: "Attaching failed with EBUSY: another driver or another process uses the group."
            case .addressInUse:
                "Attaching failed with EADDRINUSE: the device reserves a range that is mapped or allowed already."
            case .noSpace, .noMemory, .noEntry, .badAddress, .exists, .overflow, .outOfRange,
                .addressNotAvailable, nil:
                "Attaching \(failure.failed)"
            }
        return MapExplanation(
            failure, .refusedAttach, failure.errno == nil ? .unknown : .likely, because: because,
            changes: failure.errno == .notPermitted
                ? RefusalRemedy.isolateInterrupts.changes : MapChanges.sendHost(failure))
    }

    private static func explain(_ failure: MapFailure, _ reason: MapFailure.Reason) -> MapExplanation {
        let (because, changes): (String, [String]) =
            switch reason {
            case .unsafeInterrupts:
                (
                    "Linux refuses the group with EPERM: the platform does not isolate interrupts between devices, so that "
                        + "a device could raise those of others.", RefusalRemedy.isolateInterrupts.changes
                )
            case .directRegion:
                (
                    "Linux refuses the group with EINVAL: firmware wants memory of a device in it mapped one to one (1:1, a "
                        + "direct region), which user space could undo.",
                    RefusalRemedy.dropDirectRegion.changes
                )
            case .notViable:
                (
                    "The group is not viable: one of its devices is bound to a driver that does not belong to VFIO.",
                    RefusalRemedy.bindGroup(id: failure.group).changes
                )
            case .lockedMemory, .outsideRanges, .unaligned, .overlapsReserved:
                ("Attaching failed.", MapChanges.sendHost(failure))
            }
        return MapExplanation(failure, .refusedAttach, .yes, because: because, changes: changes)
    }

    /// What helps against the host's own refusal.
    static func changes(_ scene: MapScene) -> [String] {
        let changes = scene.decision.changes
        return changes.isEmpty
            ? ["Resolve that first: nothing can be mapped before the group is attached."] : changes
    }
}
