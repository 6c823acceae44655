// What to change so that a fault does not come again, and bases at which a window would be reached. Only what
// was an MSI, or likely one in a known window, is answered with another window.

import AddressSpaces
import Machines

extension FaultExplanation {
    mutating func addChanges(_ scene: FaultScene) {
        switch verdict {
        case .msiWindow, .msiBaseLost, .msiPhysicalDoorbell, .msiDMAPage, .windowOnly:
            // Where it is not known to have been an MSI, another window is no answer.
            if reason != nil || window != nil { alternatives = scene.alternatives(avoiding: window) }
        case .likelyMSI, .unknown, .notMSI, .noAddress: break
        }
        switch verdict {
        case .unknown: changes = [Self.trace]
        case .windowOnly:
            changes.append(
                "Compare the address with what the device has in its MSI capability or MSI-X table (lspci -vv)."
            )
        case .likelyMSI:
            addChangesOfReason(scene)
            changes.append(Self.trace)
            if !scene.hasPlatform {
                changes.append(
                    "Run iovad collect > machine.json there, and ask again with --machine machine.json (over HTTP: a stored "
                        + "platform). With the machine's doorbells and windows the answer is more certain.")
            }
        case .noAddress:
            if let event = ConfigurationEvent(fault) {
                changes = event.advice.changes
            } else if fault.stage == 2, fault.transaction != nil {
                changes.append(
                    "Look at what stage 2 maps of the guest's memory: the guest's tables lie outside it.")
            } else if fault.isIncomplete {
                changes.append("Send the whole record, with every line of it.")
            }
        case .msiWindow, .msiBaseLost, .msiPhysicalDoorbell, .msiDMAPage: addChangesOfReason(scene)
        case .notMSI: changes = scene.changesOfOrdinaryAccess
        }
    }

    private static let trace =
        "Run trace-cmd record -e iommu until the fault happens again, then trace-cmd report | iovad explain (over HTTP: "
        + "POST the report to /v1/replays as text/plain). The answer says whether a doorbell was mapped there."

    private mutating func addChangesOfReason(_ scene: FaultScene) {
        switch reason {
        case .baseStripped, .inDMARangesGap, .inPCIWindow, .inReservedRegion, .aboveDMALimit, .beyondAperture:
            changes.append(
                WindowRemedy.move(to: alternatives, for: "the devices known here", isCertain: true))
            if reason == .baseStripped {
                changes.append(
                    "Describe the stolen range in firmware (iommu-addresses of a reserved-memory node, or an RMR), so "
                        + "that window candidates avoid it.")
            }
        case .movedUnderGuestRMR:
            changes.append(
                "Give the guest an RMR that equals the host's window, or move the host's window back: both are read "
                    + "once at boot.")
        case .hardwareMSITranslated:
            changes.append("Correct the SMMU's model in IORT: only Hi161x passes MSIs untranslated.")
        case .untranslated:
            changes.append(
                "Attach the device to a domain that maps doorbells: bind its driver again, or give it to VFIO or iommufd. iovad "
                    + "decide says whether the kernel maps doorbells for it, and where."
            )
        case .notMapped, .notPermitted:
            changes.append(
                "Have the driver request its interrupt vectors again, for example by binding it again: the kernel maps a doorbell "
                    + "when a driver requests vectors, and only in the domain the device is attached to at that moment."
            )
        case nil: break
        }
    }
}
