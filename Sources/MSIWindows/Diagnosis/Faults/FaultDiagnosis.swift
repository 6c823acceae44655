// From a fault to its explanation: which device, then which of the known shapes of an MSI the address has.
// Shapes are tried from the surest to the least sure.

import AddressSpaces
public import Machines

extension FaultExplanation {
    /// Streams for which a platform is searched, in one call; faults of more are explained as bare lines.
    public static let scenesMax = 64

    /// Explains faults, in their order. A storm of faults of one stream costs little more than one.
    public static func explain(_ faults: [SMMUFault], _ question: FaultQuestion) -> [FaultExplanation] {
        struct Stream: Hashable {
            let smmu: String
            let id: UInt32?
            let client: String?
        }
        var bare = question
        bare.platform = nil
        var scenes: [Stream: FaultScene] = [:]
        return faults.map { fault in
            let stream = Stream(smmu: fault.smmu, id: fault.streamID, client: fault.client)
            let isBare = scenes[stream] == nil && scenes.count >= scenesMax
            var scene = scenes[stream] ?? FaultScene(fault, isBare ? bare : question)
            scene.fault = fault
            if !isBare { scenes[stream] = scene }
            var explanation = explain(fault, scene)
            if isBare, question.platform != nil {
                explanation.because +=
                    " The log has faults of more than \(scenesMax) streams; this one was not looked up on the platform."
            }
            return explanation
        }
    }

    private static func explain(_ fault: SMMUFault, _ scene: FaultScene) -> FaultExplanation {
        var explanation = verdict(fault, scene)
        explanation.smmu = scene.smmu?.id
        explanation.devices = scene.devices.map(\.id)
        if explanation.isMSI != .no { explanation.addChanges(scene) }
        return explanation
    }

    private static func verdict(_ fault: SMMUFault, _ scene: FaultScene) -> FaultExplanation {
        guard let iova = fault.faultingAddress, fault.cause != .configuration else {
            return FaultExplanation(fault, .noAddress, .unknown, because: withoutAddress(fault, scene))
        }
        if fault.cause == .pageRequest {
            return FaultExplanation(
                fault, .notMSI, .no,
                because:
                    "A page request comes from a device that shares page tables; an MSI never causes one.")
        }
        // Only stage 2 can object to what stage 1 needs, and only an abort can hit a walk besides.
        if let what = fault.transaction, what != .inputAddress,
            fault.stage == 2 || fault.cause == .externalAbort
        {
            let table = what == .contextDescriptor ? "the stream's context descriptor" : "a translation table"
            return FaultExplanation(
                fault, .noAddress, .unknown,
                because:
                    "The SMMU could not fetch \(table)\(scene.streamPhrase), so it could not translate "
                    + "\(HexLiteral.text(fault.iova ?? iova)): MSIs and all other DMA that need it fail alike."
            )
        }
        if fault.isWrite == false || fault.isInstruction == true {
            let what = fault.isInstruction == true ? "an instruction fetch" : "a read"
            return FaultExplanation(
                fault, .notMSI, .no,
                because: "It was \(what) of \(HexLiteral.text(iova)); an MSI is a write. "
                    + scene.ordinaryPhrase(iova))
        }
        return physical(fault, iova, scene) ?? inWindow(fault, iova, scene) ?? inDMAPage(fault, iova, scene)
            ?? baseLost(fault, iova, scene) ?? ordinary(fault, iova, scene)
    }

    private static func withoutAddress(_ fault: SMMUFault, _ scene: FaultScene) -> String {
        guard fault.cause == .configuration else {
            return
                "\(fault.event) reports no address\(scene.streamPhrase), so it may or may not have been an MSI."
        }
        return
            "\(fault.event) is about the stream\(scene.streamPhrase), not about an address: its entry or "
            + "its tables are missing, disabled or broken, so MSIs and all other DMA of the stream fail alike."
    }

    private static func ordinary(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation {
        let address = HexLiteral.text(iova)
        let hasOffset = scene.doorbell(atOffsetOf: iova) != nil
        guard hasOffset else {
            return FaultExplanation(
                fault, .notMSI, .no,
                because:
                    "\(address) lies in no MSI window and has no doorbell's offset in its page"
                    + "\(scene.hasDoorbells ? "" : " (0x40 is what GICs have)"). "
                    + scene.ordinaryPhrase(iova))
        }
        // The DMA layer fills addresses from the top of 4 GiB down, doorbell pages among buffers.
        let end = IOVARange.below4GiB.last.value
        let isHigh = iova <= end && iova > end - nearTopBytes
        return FaultExplanation(
            fault, .notMSI, isHigh ? .unknown : .no,
            because:
                "\(address) lies in no MSI window, though it has a doorbell's offset in its page"
                + (isHigh
                    ? "; the kernel's DMA layer may have mapped a doorbell there after buffers, which a trace of "
                        + "iommu:map shows. "
                    : ". ")
                + scene.ordinaryPhrase(iova))
    }

    private static let nearTopBytes: UInt64 = 64 << 20

    private static func physical(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        guard let doorbell = scene.doorbells.first(where: { $0.value == iova }) else { return nil }
        let isHardware = scene.hasUntranslatedITS
        var made = FaultExplanation(
            fault, .msiPhysicalDoorbell, .yes,
            because: isHardware
                ? "The device wrote an MSI to the doorbell's physical address \(doorbell.hex), because firmware "
                    + "says that this SMMU passes MSIs untranslated; it translates them."
                : "The device wrote an MSI to the doorbell's physical address \(doorbell.hex): the kernel gave it an "
                    + "untranslated address while the SMMU translates the stream.")
        made.doorbell = doorbell
        made.reason = isHardware ? .hardwareMSITranslated : .untranslated
        return made
    }

    private static func inWindow(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        let known = scene.windows.first { $0.contains(IOVA(iova)) }
        guard let window = known ?? scene.possibleWindows.first(where: { $0.contains(IOVA(iova)) }) else {
            return nil
        }
        guard let doorbell = scene.doorbell(atOffsetOf: iova) else {
            // Where a window merely could be, anything may be mapped.
            guard known != nil else { return nil }
            var made = FaultExplanation(
                fault, .windowOnly, .unknown,
                because:
                    "\(HexLiteral.text(iova)) lies in the MSI window \(window.text), but no doorbell has this "
                    + "offset in its page; the device may have been given a wrong address.")
            made.window = window
            return made
        }
        let (reason, phrase) = scene.obstacle(to: window, at: iova)
        let page = (iova - window.start.value) / scene.pageBytes
        let isSure = known != nil && doorbell.isKnown && fault.isWrite == true && scene.mayRaiseMSIs
        var made = FaultExplanation(
            fault, .msiWindow, isSure ? .yes : .likely,
            because:
                "\(HexLiteral.text(iova)) is doorbell page \(page) of the MSI window \(window.text): \(phrase)"
                + (scene.mayRaiseMSIs ? "" : " Firmware names no MSI controller for the device, though.")
        )
        made.window = window
        made.doorbell = doorbell.address
        made.reason = reason
        return made
    }

    private static func inDMAPage(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        let doorbell: PhysicalAddress?
        if let predicted = scene.dmaPages.first(where: { $0.iova.value == iova }) {
            doorbell = predicted.physical
        } else if scene.devices.isEmpty, scene.isTopPage(iova), let found = scene.doorbell(atOffsetOf: iova) {
            doorbell = found.address
        } else {
            return nil
        }
        var made = FaultExplanation(
            fault, .msiDMAPage, .likely,
            because: "\(HexLiteral.text(iova)) is where the kernel's DMA layer maps "
                + (doorbell.map { "the doorbell \($0.hex)" } ?? "a GIC's doorbell")
                + " when it maps that first; the mapping is gone, or the interrupt was set up in another domain."
        )
        made.doorbell = doorbell
        made.reason = fault.cause == .permission ? .notPermitted : .notMapped
        return made
    }

    /// A few pages above zero, at a doorbell's offset: the low part of an address in the window.
    private static func baseLost(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        let pages = max(1, UInt64(scene.doorbells.count))
        guard iova / scene.pageBytes < pages, let doorbell = scene.doorbell(atOffsetOf: iova),
            let window = scene.windows.first(where: { iova <= $0.last.value - $0.start.value })
        else { return nil }
        let whole = window.start.value + iova
        let of = doorbell.address.map { "the doorbell \($0.hex)" } ?? "a GIC's doorbell"
        var made = FaultExplanation(
            fault, .msiBaseLost, .likely,
            because:
                "\(HexLiteral.text(iova)) is the offset of \(of) in its page: an MSI to \(HexLiteral.text(whole)) in "
                + "the window \(window.text) that lost the window's base on its way to the SMMU\(scene.streamPhrase), "
                + "because the interconnect decodes that range for something else.")
        made.window = window
        made.doorbell = doorbell.address
        made.reason = .baseStripped
        return made
    }

    private mutating func addChanges(_ scene: FaultScene) {
        // Where it is not known to have been an MSI, another window is no answer.
        if reason != nil || window != nil { alternatives = scene.alternatives(avoiding: window) }
        let list = alternatives.map(\.hex).joined(separator: ", ")
        let elsewhere =
            alternatives.isEmpty ? "" : " (for the devices known here: \(list))"
        let second = HexLiteral.text(WindowSource.postedSecondBase)
        switch reason {
        case .baseStripped, .inDMARangesGap, .inPCIWindow, .inReservedRegion, .aboveDMALimit, .beyondAperture:
            changes.append(
                "Move the MSI window to where this device's writes reach the SMMU\(elsewhere): through iommufd's "
                    + "software-MSI option, or a driver that picks another base such as \(second).")
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
            changes.append(
                "Correct the SMMU's model in IORT: only Hi161x passes MSIs untranslated.")
        case .untranslated:
            changes.append(
                "Attach the device to a domain that maps doorbells: VFIO type1 with a software window, iommufd, or the "
                    + "kernel's DMA domain; hardware MSI regions in the group's list prevent that.")
        case .notMapped, .notPermitted:
            changes.append(
                "Set the interrupts up again after the device is attached: the doorbell's page is mapped when vectors "
                    + "are requested, into the domain that is attached then.")
        case nil:
            if verdict == .notMSI {
                changes.append(
                    "Trace iommu:map and iommu:unmap (trace-cmd record -e iommu) until the fault and POST the text to "
                        + "/v1/replays: the answer shows whether a doorbell was mapped there.")
            } else if verdict == .windowOnly {
                changes.append(
                    "Compare the address with what the device has in its MSI capability or MSI-X table (lspci -vv)."
                )
            } else if verdict == .noAddress, fault.cause == .configuration {
                changes.append(
                    "Look for a missing stream ID in iommu-map or IORT, or for a driver that was not bound.")
            } else if verdict == .noAddress, fault.stage == 2, fault.transaction != nil {
                changes.append(
                    "Look at what stage 2 maps of the guest's memory: the guest's tables lie outside it.")
            }
        }
    }
}
