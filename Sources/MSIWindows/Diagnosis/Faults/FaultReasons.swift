// Why an address is not reached, in words: for an MSI what stands in its window's way, for other accesses
// what lies there.

import AddressSpaces
import Machines

extension FaultScene {
    /// Why an MSI in a window does not arrive. An access that found a mapping has arrived, so nothing on its
    /// way can be the reason.
    func obstacle(to window: IOVARange, at iova: UInt64) -> (FaultExplanation.Reason?, String) {
        guard fault.cause.mayLackMapping else { return (fault.cause.reason, arrivedPhrase) }
        // Surer than what the interconnect may do before the SMMU, which has seen this one.
        if window.last > conditions.aperture.last {
            return (
                .beyondAperture,
                "the window ends beyond what the SMMU translates, \(conditions.aperture.text)."
            )
        }
        return onTheWay(to: window, at: iova)
            ?? (
                .notMapped,
                "nothing is mapped there for the stream\(streamPhrase), so the doorbell's page was not set up in this domain."
            )
    }

    /// What firmware says that is in the way of a window.
    private func onTheWay(
        to window: IOVARange, at iova: UInt64
    ) -> (FaultExplanation.Reason?, String)? {
        for (device, withheld) in zip(devices, withheld) {
            if let range = guestRange(of: device, holding: iova) {
                return (
                    .movedUnderGuestRMR,
                    "this machine's firmware describes it as a memory range at \(range), and the host has moved its "
                        + "window elsewhere."
                )
            }
            // A relaxable region is gone when user space has the device, whose windows these are.
            let items = withheld.hardItems(overlapping: window)
            if let item = WindowJudgement.decisive(items, window, withheld, conditions) {
                let reason: FaultExplanation.Reason =
                    switch item.kind {
                    case .dmaRangesGap: .inDMARangesGap
                    case .pciWindow: .inPCIWindow
                    case .pageZero, .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion, .outsideIOVARanges:
                        .inReservedRegion
                    }
                return (
                    reason,
                    "the window touches \(item.kind.phraseWithArticle) of \(owner(of: item, for: device)) at \(item.range.text)"
                        + (item.kind.reachability == .no
                            ? "\(item.isIgnoredByLinux ? " (\(item.provenance))" : ""), where it cannot work."
                            : item.kind.reachability.clause + ".")
                )
            }
            if window.last.value > device.dmaLimit {
                return (.aboveDMALimit, "it lies above the DMA limit \(HexLiteral.text(device.dmaLimit)).")
            }
        }
        if isWindowMoved, window.start.value == WindowSource.mainlineBase, let now = windows.first {
            return (
                .movedUnderGuestRMR,
                "that is the default window, and the window here is \(now.text); the device was given the address before it "
                    + "moved, as in a guest whose RMR still describes the default."
            )
        }
        return nil
    }

    /// Whose item of the whole group it is, for a sentence: the device's own, or a mate's.
    private func owner(of item: WithheldItem, for device: Device) -> String {
        func isAsked(_ group: PreparedGroup) -> Bool {
            group.device.device.id == device.id && group.device.device.kind == device.kind
        }
        guard let group = groups.first(where: isAsked),
            !group.device.withheld.items.contains(where: item.isSame(as:))
        else { return device.id }
        let mate = group.mates.first { $0.withheld.items.contains(where: item.isSame(as:)) }
        guard let mate else { return "the group of \(device.id)" }
        return "\(mate.device.id), which is in the group of \(device.id),"
    }

    /// What happened to an MSI that the SMMU found a mapping for, or could not look one up for.
    private var arrivedPhrase: String {
        switch fault.cause {
        case .permission: "it is mapped, but not for writing."
        case .addressSize: "the SMMU finds the address too large for its tables."
        case .accessFlag: "it is mapped, but the mapping is marked as not yet used (access flag)."
        case .externalAbort: "memory answered with an error when the SMMU passed it on or read its tables."
        case .tlbConflict: "the SMMU holds two translations of it that contradict each other."
        case .unsupportedTransaction: "the SMMU does not support this kind of access."
        case .translation, .configuration, .pageRequest, .commandQueue, .other: "the log gives no reason."
        }
    }

    /// An RMR around the address, as a nested guest's firmware has for the host's window.
    private func guestRange(of device: Device, holding iova: UInt64) -> String? {
        let regions = device.firmwareRegions + device.unappliedRegions.compactMap(\.region)
        let found = regions.first { region in
            guard case .rmr = region.provenance, region.kind == .direct else { return false }
            return region.range?.contains(IOVA(iova)) == true
        }
        return found?.range?.text
    }

    /// What an ordinary fault at this address is about.
    func ordinaryPhrase(_ iova: UInt64) -> String {
        if let phrase = recoverablePhrase { return phrase }
        if fault.cause.mayLackMapping, let phrase = placePhrase(iova) { return phrase }
        let substream =
            (substreamText.map { " It is in \($0)." } ?? "")
            + (fault.isStalled == true
                ? " The SMMU holds the access (stall) until the SMMU's driver ends it, usually with an abort."
                : "")
        switch fault.cause {
        case .translation:
            return
                "Nothing is mapped there for the device\(streamPhrase). Usual causes: DMA after unmapping (the driver freed the buffer "
                + "too early), or past the end of a buffer." + substream
        case .permission where fault.isInstruction == true:
            return
                "The address is mapped, but not for fetching instructions\(streamPhrase)." + substream
        case .permission:
            return
                "The address is mapped, but not for this access\(streamPhrase). Usual cause: a buffer that was mapped for "
                + "the other direction." + substream
        case .accessFlag:
            return
                "It is mapped, but the mapping is marked as not yet used\(streamPhrase): whoever wrote the table "
                + "left its access flag unset." + substream
        case .addressSize:
            return
                "The address is too large for the tables or for what they lead to\(streamPhrase): a broken "
                + "address, or a table that was overwritten." + substream
        case .externalAbort:
            return "Memory answered with an error\(streamPhrase): nothing is there, or it is protected."
                + substream
        case .tlbConflict:
            return
                "The SMMU holds two translations that contradict each other\(streamPhrase): a mapping was changed "
                + "without being invalidated." + substream
        case .unsupportedTransaction:
            return "The SMMU does not support this kind of access\(streamPhrase)." + substream
        case .configuration, .pageRequest, .commandQueue, .other:
            return
                "The log does not say why it was refused\(streamPhrase): DMA to an address that is not mapped is "
                + "most likely." + substream
        }
    }

    /// What lies at an address that found no mapping; nil for nothing special.
    private func placePhrase(_ iova: UInt64) -> String? {
        if isInFirstPage {
            return
                "The kernel's DMA layer never uses the first page\(streamPhrase): the device was given no address, as in a "
                + "descriptor that was not filled in. It is not a buffer that was unmapped."
        }
        for (device, withheld) in zip(devices, withheld) {
            let items = withheld.items(overlapping: IOVARange(proven: iova, iova))
            if let item = items.first(where: { $0.kind == .pciWindow }) {
                return
                    "It lies in the PCI window \(item.range.text) of \(device.id): a transfer between devices that "
                    + "reached the SMMU\(item.kind.reachability.clause)."
            }
            if iova > device.dmaLimit {
                return "It lies above the DMA limit \(HexLiteral.text(device.dmaLimit)) of \(device.id)."
            }
            if let item = items.first(where: { $0.kind != .pageZero }) {
                return
                    "It lies in the \(item.kind.phrase) \(item.range.text) of \(owner(of: item, for: device))"
                    + (item.isIgnoredByLinux
                        ? " (\(item.provenance))." : ", where the kernel maps no buffers.")
            }
        }
        if iova > conditions.aperture.last.value {
            return "It lies beyond what the SMMU translates, \(conditions.aperture.text)."
        }
        return nil
    }

    /// "substream 0x1, the address space of a process (PASID)"
    private var substreamText: String? {
        fault.substreamID.map {
            "substream \(HexLiteral.text(UInt64($0))), a separate address space (PASID), usually that of a process"
        }
    }

    /// An address that Linux never gives out, unless a process chose it.
    private var isInFirstPage: Bool {
        fault.substreamID == nil && fault.faultingAddress.map { $0 < pageBytes } == true
    }

    /// What to do about an access that was no MSI, where there is something to say.
    var changesOfOrdinaryAccess: [String] {
        if fault.isRecoverable {
            return [
                "If the device works, do nothing. If it hangs, check that its driver enables I/O page faults (iopf), and that the "
                    + "process still exists."
            ]
        }
        switch fault.cause {
        case .translation, .other:
            return [
                isInFirstPage
                    ? "Look in the device's driver for a descriptor or a register that it does not set."
                    : "Run trace-cmd record -e iommu until the fault happens again. If the address is unmapped before the fault, the "
                        + "driver unmapped it too early; if a mapping ends just below it, the device ran past a buffer."
            ]
        case .permission where fault.isInstruction == true:
            return [
                "Find out why the device fetches instructions there: a firmware address or an entry point is wrong."
            ]
        case .permission:
            return ["Look at how the device's driver maps the buffer: for which direction of DMA."]
        case .accessFlag, .addressSize, .externalAbort, .tlbConflict, .unsupportedTransaction, .configuration,
            .pageRequest, .commandQueue:
            return []
        }
    }

    /// A fault that is no mistake: the access waits, and the kernel brings the page in.
    private var recoverablePhrase: String? {
        guard fault.isRecoverable, let substreamText else { return nil }
        return
            "This is probably no error but an I/O page fault (iopf): the device touched a page that is not in memory. The "
            + "SMMU holds the access (stall) in \(substreamText)\(streamPhrase); the kernel brings the page in and resumes it."
    }
}

extension WithheldItem {
    /// Whether both are of one source, which may withhold more of one device than of another.
    fileprivate func isSame(as other: WithheldItem) -> Bool {
        kind == other.kind && range == other.range && provenance == other.provenance
    }
}
