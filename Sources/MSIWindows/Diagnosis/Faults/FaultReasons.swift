// Why an address is not reached, in words: for an MSI what stands in its window's way, for other accesses
// what lies there.

import AddressSpaces
import Machines

extension FaultScene {
    /// Why an MSI in a window does not arrive.
    func obstacle(to window: IOVARange, at iova: UInt64) -> (FaultExplanation.Reason, String) {
        // Surer than what the interconnect may do before the SMMU, which has seen this one.
        if window.last > conditions.aperture.last {
            return (
                .beyondAperture,
                "the window ends beyond what the SMMU translates, \(conditions.aperture.text)."
            )
        }
        for (device, withheld) in zip(devices, withheld) {
            if let range = guestRange(of: device, holding: iova) {
                return (
                    .movedUnderGuestRMR,
                    "this machine's firmware describes it as a memory range at \(range), and the host has moved its "
                        + "window elsewhere."
                )
            }
            // A relaxable region is gone when user space has the device, whose windows these are.
            if let item = withheld.items(overlapping: window).first(where: { !$0.isRelaxable }) {
                let reason: FaultExplanation.Reason =
                    switch item.kind {
                    case .dmaRangesGap: .inDMARangesGap
                    case .pciWindow: .inPCIWindow
                    case .pageZero, .iommuAddresses, .rmr, .hardwareMSI, .reservedRegion, .outsideIOVARanges:
                        .inReservedRegion
                    }
                return (
                    reason,
                    "the window touches \(item.kind.phraseWithArticle) of \(device.id) at \(item.range.text), so writes to it may "
                        + "not arrive."
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
        if fault.cause == .permission {
            return (.notPermitted, "it is mapped, but not for writing.")
        }
        if fault.cause == .addressSize {
            return (.beyondAperture, "the SMMU finds the address too large for its tables.")
        }
        return (
            .notMapped,
            "nothing is mapped there for the stream\(streamPhrase), so the doorbell's page was not set up in this domain."
        )
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
        for (device, withheld) in zip(devices, withheld) {
            let items = withheld.items(overlapping: IOVARange(proven: iova, iova))
            if let item = items.first(where: { $0.kind == .pciWindow }) {
                return
                    "It lies in the PCI window \(item.range.text) of \(device.id): a transfer between devices that "
                    + "reached the SMMU."
            }
            if iova > device.dmaLimit {
                return "It lies above the DMA limit \(HexLiteral.text(device.dmaLimit)) of \(device.id)."
            }
            if let item = items.first(where: { $0.kind != .pageZero }) {
                return
                    "It lies in the \(item.kind.phrase) \(item.range.text) of \(device.id), where the kernel maps no "
                    + "buffers."
            }
        }
        if iova > conditions.aperture.last.value {
            return "It lies beyond what the SMMU translates, \(conditions.aperture.text)."
        }
        let what =
            switch fault.cause {
            case .translation: "Nothing is mapped there"
            case .permission: "It is mapped, but not for this access"
            case .accessFlag: "The mapping's access flag is not set"
            case .addressSize: "The address is larger than its tables or its output allow"
            case .externalAbort: "The memory or a table walk answered with an abort"
            case .tlbConflict: "Two TLB entries contradict each other"
            case .unsupportedTransaction: "The transaction is of a kind that is not supported"
            case .configuration, .pageRequest, .commandQueue, .other: "The log gives no known reason"
            }
        return
            "\(what)\(streamPhrase): a driver's DMA after unmapping, or past the end of a buffer, looks like this."
    }
}
