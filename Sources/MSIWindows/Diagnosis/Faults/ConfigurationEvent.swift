// Faults that are about a stream or the SMMU itself and not about an address: what each means, where it comes
// from and what to do, a row each. Arm IHI 0070 (SMMUv3), section 7.3, and IHI 0062 (SMMUv2), GFSR, define
// the events; the drivers print them.

import Machines

/// An event that has no address at fault.
enum ConfigurationEvent: CaseIterable {
    case badStreamID, fetchOfStreamEntry, badStreamEntry, badATSRequest, streamDisabled, translationForbidden
    case badSubstreamID, fetchOfDescriptor, fetchOfSubstreamDescriptor, badDescriptor, badSubstreamDescriptor
    case cacheConflict, fetchOfMachineStructure
    case unidentifiedStream, streamMatchConflict, contextNotSetUp, otherGlobalFault
    case commandTimeout, commandWaitsForDevice, commandRefused, commandIllegal, commandNotFetched
    case globalError
    case other

    /// nil for a fault that is about an address.
    init?(_ fault: SMMUFault) {
        switch fault.cause {
        case .commandQueue:
            self = Self.queue(fault)
            return
        case .configuration: break
        case .translation, .permission, .accessFlag, .addressSize, .externalAbort, .tlbConflict,
            .unsupportedTransaction, .pageRequest, .other:
            return nil
        }
        let hasSubstream = fault.substreamID != nil
        switch fault.event {
        case "C_BAD_STREAMID": self = .badStreamID
        case "F_STE_FETCH": self = .fetchOfStreamEntry
        case "C_BAD_STE": self = .badStreamEntry
        case "F_BAD_ATS_TREQ": self = .badATSRequest
        case "F_STREAM_DISABLED": self = .streamDisabled
        case "F_TRANSL_FORBIDDEN": self = .translationForbidden
        case "C_BAD_SUBSTREAMID": self = .badSubstreamID
        case "F_CD_FETCH": self = hasSubstream ? .fetchOfSubstreamDescriptor : .fetchOfDescriptor
        case "C_BAD_CD": self = hasSubstream ? .badSubstreamDescriptor : .badDescriptor
        case "F_CFG_CONFLICT": self = .cacheConflict
        case "F_VMS_FETCH": self = .fetchOfMachineStructure
        case "unknown stream": self = .unidentifiedStream
        default: self = fault.driver == .armSMMU ? Self.global(fault) : .other
        }
    }

    /// Whether the driver says what went wrong with its command queue.
    static func isNamedError(_ fault: SMMUFault) -> Bool {
        let named: [ConfigurationEvent?] = [.commandWaitsForDevice, .commandIllegal, .commandNotFetched]
        return named.contains(ConfigurationEvent(fault))
    }

    /// By what the driver says of its queue, and by GERROR: bit 0 is the command queue's.
    private static func queue(_ fault: SMMUFault) -> ConfigurationEvent {
        if fault.event.contains("ATC") { return .commandWaitsForDevice }
        if fault.event.contains("Illegal") { return .commandIllegal }
        if fault.event.contains("Abort") { return .commandNotFetched }
        if fault.event.hasPrefix("CMDQ error") { return .commandRefused }
        let error = fault.registers.first { $0.name == "gerror" }?.value
        return error.map { $0 & 1 == 0 ? .globalError : .commandRefused } ?? .commandTimeout
    }

    /// By the bits of GFSR, of which the lowest that is set counts.
    private static func global(_ fault: SMMUFault) -> ConfigurationEvent {
        guard let status = fault.registers.first(where: { $0.name == "GFSR" })?.value else {
            return .otherGlobalFault
        }
        let bits: [(bit: UInt64, event: ConfigurationEvent)] = [
            (1, .unidentifiedStream), (2, .streamMatchConflict), (0, .contextNotSetUp), (7, .contextNotSetUp),
        ]
        return bits.first { status >> $0.bit & 1 == 1 }?.event ?? .otherGlobalFault
    }

    /// Whether nothing was refused: only the SMMU's own queue is in trouble.
    var isOfQueue: Bool {
        [
            .commandTimeout, .commandWaitsForDevice, .commandRefused, .commandIllegal, .commandNotFetched,
            .globalError,
        ].contains(self)
    }

    /// What happened, to whom, and where it usually comes from.
    func sentence(_ fault: SMMUFault, _ stream: String) -> String {
        let row = advice
        let name = fault.event.prefix(1).uppercased() + fault.event.dropFirst()
        if isOfQueue { return "\"\(name)\" is not a DMA fault. \(row.meaning) \(row.cause)" }
        return "\(name)\(stream): \(row.meaning) \(consequence) \(row.cause)"
    }

    /// Whether MSIs fail as well: they have no substream, and the device never asks for their translation.
    private var consequence: String {
        switch self {
        case .badStreamID, .fetchOfStreamEntry, .badStreamEntry, .streamDisabled, .fetchOfDescriptor,
            .badDescriptor, .cacheConflict, .fetchOfMachineStructure, .unidentifiedStream,
            .streamMatchConflict, .contextNotSetUp, .other:
            "All DMA of the stream fails, MSIs included."
        case .badSubstreamID, .fetchOfSubstreamDescriptor, .badSubstreamDescriptor:
            "Only what the device does in that substream fails; MSIs have no substream."
        case .badATSRequest, .translationForbidden:
            "Only what the device does through ATS fails; MSIs hardly ever are."
        case .otherGlobalFault, .commandTimeout, .commandWaitsForDevice, .commandRefused, .commandIllegal,
            .commandNotFetched, .globalError:
            "It may have been an MSI or any other DMA."
        }
    }

    /// A row of the table.
    struct Advice {
        /// What the SMMU says.
        let meaning: String
        /// What is usually behind it.
        let cause: String
        /// What to do, most useful first.
        let changes: [String]

        init(_ meaning: String, _ cause: String, _ changes: String...) {
            (self.meaning, self.cause, self.changes) = (meaning, cause, changes)
        }
    }
}

extension ConfigurationEvent {
    private static let memory =
        "Look for memory errors in the log (EDAC, RAS), and whether firmware or a hypervisor keeps the SMMU from "
        + "reading that memory."
    private static let noATS =
        "Boot with pci=noats. If the error is gone, ATS is involved: keep the option until the device or its firmware is fixed."

    var advice: Advice {
        switch self {
        case .badStreamID:
            Advice(
                "the SMMU has no entry for this stream ID.",
                "Firmware names another stream ID for the device or none, or a VMM put the device at another SMMU.",
                "Compare the stream ID with iommu-map (device tree) or with IORT's ID mappings. Add a missing ID to the device "
                    + "tree; for IORT, ask for a firmware update.",
                "In a VM, look at which SMMU the VMM connects the device to.")
        case .fetchOfStreamEntry:
            Advice(
                "the SMMU could not read the stream's table entry from memory.",
                "The stream table's memory is broken, protected or no longer there.", Self.memory)
        case .badStreamEntry:
            Advice(
                "the stream's table entry is invalid or contradicts itself.",
                "The SMMU's driver writes the entry; for a VM with a nested table it takes values from the VMM. Usually an "
                    + "earlier VM left the entry.",
                "Stop the VM that has the device. If it has ended already, unbind the device from its vfio driver and bind it "
                    + "again.",
                "If no VM ever had the device, report it to the maintainers of the SMMU driver, with the hexadecimal lines of "
                    + "the event."
            )
        case .badATSRequest:
            Advice(
                "the device asked for a translation (ATS), and its stream entry does not allow that.",
                "ATS is on in the device and off in the SMMU.",
                Self.noATS,
                "Look at whether firmware marks the host bridge as able to do ATS (IORT, ats-supported).")
        case .streamDisabled:
            Advice(
                "the stream accepts only accesses with a substream (PASID), and this one had none or a reserved one.",
                "A driver uses the device for process address spaces only, and the device still sends ordinary DMA; "
                    + "MSIs are such.",
                "Attach an ordinary domain to the device beside its substreams.")
        case .translationForbidden:
            Advice(
                "the device sent an address as already translated (ATS), and the SMMU does not take its word.",
                "ATS was switched off while the device kept using what it had cached, or the device is not trusted.",
                Self.noATS, "Reset the device when it is moved from one owner to another.")
        case .badSubstreamID:
            Advice(
                "the substream (PASID) is beyond those that the stream has.",
                "The device uses a PASID that no driver gave it, or PASIDs are off for it.",
                "Look at which PASIDs the driver enables and which the device is told to use.")
        case .fetchOfDescriptor:
            Advice(
                "the SMMU could not read the stream's context descriptor from memory.",
                "Its memory is broken or protected; in a VM, stage 2 does not map the guest's table.",
                "In a VM, look at what stage 2 maps of the guest's memory.", Self.memory)
        case .fetchOfSubstreamDescriptor:
            Advice(
                "the SMMU could not read the context descriptor of this substream (PASID) from memory.",
                "The second level of the table is missing for it; in a VM, stage 2 does not map the guest's table.",
                "Look at whether the PASID was bound before the device used it.",
                "In a VM, look at what stage 2 maps of the guest's memory.")
        case .badDescriptor:
            Advice(
                "the stream's context descriptor is invalid: no translation is set up behind it.",
                "The device does DMA before a domain is attached, after it is detached, or a guest wrote a wrong table.",
                "Stop the device's DMA before its driver or VM goes: reset it, or clear its bus mastering.",
                "In a VM, look at the guest's SMMU driver.")
        case .badSubstreamDescriptor:
            Advice(
                "the context descriptor of this substream (PASID) is invalid: no address space is bound to it.",
                "The process ended or the PASID was released while the device still used it, or it never was bound.",
                "Have the driver stop the device's work for the PASID before it is unbound.")
        case .cacheConflict:
            Advice(
                "the SMMU holds two cached entries of the stream that contradict each other.",
                "An entry was changed without being invalidated.",
                "Update the kernel; in a VM, look at whether the VMM forwards the guest's invalidations.")
        case .fetchOfMachineStructure:
            Advice(
                "the SMMU could not read the structure that describes the virtual machine.",
                "Its memory is broken, protected or no longer there.",
                "Restart the VM that has the device: the host writes the structure again.", Self.memory)
        case .unidentifiedStream:
            Advice(
                "the SMMU has no entry for this stream.",
                "Three causes are usual: firmware gives the stream to no device, the boot loader left the device running, or "
                    + "its driver did not stop it at shutdown.",
                "Compare the stream ID with iommus and iommu-map (device tree) or with IORT's ID mappings. Add a missing ID to "
                    + "the device tree; for IORT, ask for a firmware update.",
                "If it comes early in the boot, have the boot loader stop the device.",
                "If the log has \"Removing from iommu group\" near this line, the machine was shutting down: stop the device in "
                    + "its driver's shutdown."
            )
        case .streamMatchConflict:
            Advice(
                "this stream ID matches more than one of the SMMU's entries (SMR).",
                "Two devices' stream IDs overlap, because a mask is too wide or the boot loader left entries there.",
                "Compare the IDs and masks of iommus in the device tree: no stream ID may match two of them."
            )
        case .contextNotSetUp:
            Advice(
                "the stream leads to a translation context that does not exist or is off.",
                "The device does DMA before its domain is set up, or after it was taken down.",
                "Stop the device's DMA before its driver goes.")
        case .otherGlobalFault:
            Advice(
                "the SMMU refused an access before it knew where to translate it.",
                "Which stream it was and why is in GFSR and GFSYNR, as far as they were logged.",
                "Send the lines with GFSR and GFSYNR too.")
        case .commandTimeout:
            Advice(
                "No access was refused: the SMMU did not finish a command in time.",
                "Either a device does not answer, or the SMMU has no clock or power.",
                "Look in the whole kernel log for another error of the SMMU or of PCIe: a timeout usually follows one."
            )
        case .commandRefused:
            Advice(
                "No access was refused: the SMMU stopped at a command.",
                "The command is illegal, could not be read from memory, or waits for a device that does not answer (ATC "
                    + "invalidate); a line \"CMDQ error\" says which.",
                "Look in the whole kernel log for the line \"CMDQ error\", and explain that.")
        case .commandIllegal:
            Advice(
                "No access was refused: the SMMU stopped at a command that it does not know.",
                "The kernel's driver, or in a VM the guest's, wrote a wrong command.",
                "Update the kernel, or report it to the maintainers of the SMMU driver, with the hexadecimal lines after it."
            )
        case .commandNotFetched:
            Advice(
                "No access was refused: the SMMU could not read a command from memory.",
                "The queue's memory is broken, protected or no longer there.", Self.memory,
                "Boot again: the driver takes other memory for the queue.")
        case .globalError:
            Advice(
                "No access was refused: the SMMU reports trouble of its own.",
                "A queue of events could not be written, an interrupt of the SMMU itself was lost, or it gave up service; "
                    + "the number after \"reported\" says which.",
                "Read the lines after it: the driver names each of the errors.")
        case .commandWaitsForDevice:
            Advice(
                "No access was refused: the SMMU's command queue waits for a device's answer (ATC invalidate).",
                "The device is gone or hangs: it fell off the bus, was reset or lost power.",
                "Look in the whole kernel log for the device that went away (AER, link down, reset).",
                Self.noATS)
        case .other:
            Advice(
                "it is about the stream, not about an address: its entry or its tables are missing, off or broken.",
                "Nothing more is known of this event.",
                "Look for a missing stream ID in iommu-map or IORT, or for a driver that was not bound.")
        }
    }
}
