// The shapes that an MSI's address can have, each with its own explanation: a doorbell's own address, a place
// in a window, a page of the DMA layer, what is left of a window's address, or merely a likely place.

import AddressSpaces
import Machines

extension FaultExplanation {
    /// Machines that a sentence names.
    private static let machinesShownMax = 4

    static func physical(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        guard let doorbell = scene.doorbells.first(where: { $0.value == iova }) else { return nil }
        let isHardware = scene.hasUntranslatedITS
        var made = FaultExplanation(
            fault, .msiPhysicalDoorbell, fault.isWrite == true ? .yes : .likely,
            because: isHardware
                ? "The device wrote an MSI to the doorbell's physical address \(doorbell.hex), because firmware "
                    + "says that this SMMU passes MSIs untranslated; it translates them."
                : "The device wrote an MSI to the doorbell's physical address \(doorbell.hex): the kernel gave it an "
                    + "untranslated address while the SMMU translates the stream.")
        made.doorbell = doorbell
        made.reason = isHardware ? .hardwareMSITranslated : .untranslated
        return made
    }

    /// A doorbell's own address on some known machine. Where the fault's machine is known, its windows are
    /// surer, unless the machine has too few doorbells to reach so far into one.
    static func catalogued(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        let rows = DoorbellCatalogue.rows(at: iova)
        guard let first = rows.first, scene.doorbell(atOffsetOf: iova) != nil else { return nil }
        let window = (scene.windows + scene.possibleWindows).first { $0.contains(IOVA(iova)) }
        if scene.hasDoorbells, let window,
            (iova - window.start.value) / scene.pageBytes < UInt64(scene.doorbells.count)
        {
            return nil
        }
        let machines = rows.flatMap(\.machines)
        let shown = machines.prefix(machinesShownMax).joined(separator: ", ")
        let rest = machines.count > machinesShownMax ? " and others" : ""
        let isOther =
            scene.hasDoorbells ? " This machine has its doorbell elsewhere; a guest on it may be one." : ""
        var made = FaultExplanation(
            fault, .likelyMSI, .likely,
            because:
                "\(HexLiteral.text(iova)) is the physical address of \(first.kind.phrase) on machines with \(shown)\(rest). "
                + "If this is one of them (compatible in its device tree says so), the device wrote an MSI to the doorbell's "
                + "physical address, for which the SMMU has no mapping\(scene.streamPhrase)."
                + isOther)
        made.doorbell = first.doorbell
        made.machines = machines
        made.reason = .untranslated
        return made
    }

    /// A doorbell's offset in a place where one is likely. A substream is a process's: MSIs have none.
    static func likely(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation? {
        guard let doorbell = scene.doorbell(atOffsetOf: iova), fault.substreamID == nil,
            let place = DoorbellPlace(iova, scene)
        else { return nil }
        var made = FaultExplanation(
            fault, .likelyMSI, .likely,
            because:
                "\(HexLiteral.text(iova)) has the offset of a doorbell register in its page and lies \(place.phrase): likely "
                + "an MSI. \(fault.cause.consequence)" + place.doubt + scene.controllerDoubt)
        made.doorbell = doorbell.address
        made.reason = fault.cause.reason
        return made
    }

    static func inWindow(
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
                "\(HexLiteral.text(iova)) is doorbell page \(page) of \(known == nil ? "a possible" : "the") MSI window "
                + "\(window.text): \(phrase)" + scene.controllerDoubt
        )
        made.window = window
        made.doorbell = doorbell.address
        made.reason = reason
        return made
    }

    static func inDMAPage(
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
                + " when it maps that first. \(fault.cause.consequence)"
        )
        made.doorbell = doorbell
        made.reason = fault.cause.reason
        return made
    }

    /// A few pages above zero, at a doorbell's offset: the low part of an address in the window.
    static func baseLost(
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
}

extension SMMUFault.Cause {
    /// What it says of a doorbell's page.
    fileprivate var consequence: String {
        switch self {
        case .translation, .other:
            "If it is one, its mapping was removed, or the interrupt was set up in another domain."
        case .permission: "Something is mapped there that the device may not write to."
        case .accessFlag: "It is mapped, but the mapping is marked as not yet used."
        case .addressSize: "The address is too large for the SMMU's tables."
        case .externalAbort: "Memory answered with an error."
        case .tlbConflict: "Two cached translations contradict each other."
        case .unsupportedTransaction: "The SMMU does not support this kind of access."
        case .configuration, .pageRequest, .commandQueue: ""
        }
    }
}

extension MSIController.Kind {
    /// For a sentence about an address.
    fileprivate var phrase: String {
        switch self {
        case .its: "a doorbell (GITS_TRANSLATER of an ITS)"
        case .gicv2m: "a GICv2m frame's doorbell"
        case .mbi: "a GIC distributor's doorbell"
        case .preITS, .other: "an MSI controller's doorbell"
        }
    }
}
