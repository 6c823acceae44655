// The facts that a caller or a kernel gave, joined with what DSDT and SSDTs say of the host bridges. What a
// caller states counts, and a finding names each contradiction.

import AddressSpaces
import Machines

extension ACPIReader.Facts {
    mutating func join(_ bridges: BridgeFacts, _ findings: inout FindingList) {
        joinWindows(bridges, &findings)
        joinInbound(bridges, &findings)
        preserves = bridges.preserves
        unknownPreservation = bridges.unknownPreservation
        isAnyPreservationUnknown = bridges.isPreservationIncomplete
        hostBridges = bridges.bridges
        sureBridges = bridges.sureBridges
        guard let stated = preservesPCIConfiguration else { return }
        for (segment, own) in bridges.preserves.sorted(by: { $0.key < $1.key }) where own != stated {
            findings.note(
                .warning, "preserve-config-contradicts", bridges.place,
                "preserve_config is \(stated), and `_DSM` function 5 of segment \(segment) says \(own); the "
                    + "caller's value counts.")
        }
    }

    private mutating func joinWindows(_ bridges: BridgeFacts, _ findings: inout FindingList) {
        let given = pciWindows
        // A kernel that booted knows which bridges are there; nobody else does.
        let uncertain = bridges.uncertainWindows.filter { given[$0.key] == nil }
        let windows = bridges.windows.merging(uncertain) { $0 + $1 }
        let own = WindowSource(name: bridges.name, place: bridges.place, windows: windows)
        let others = WindowSource(name: windowsName, place: "iomem", windows: given)
        if areWindowsStated {
            others.overrule(own, &findings)
            pciWindows = windows.merging(given) { _, stated in stated }
        } else if !given.isEmpty {
            pciWindows = own.joined(with: others, &findings)
        } else {
            pciWindows = windows
        }
        unknownSegments = bridges.unknownSegments.subtracting(given.keys)
        if bridges.isIncomplete, given.isEmpty { areAllUnknown = true }
    }

    private mutating func joinInbound(_ bridges: BridgeFacts, _ findings: inout FindingList) {
        unknownInbound = bridges.unknownInbound.subtracting(inboundWindows.keys)
        isAnyInboundUnknown = bridges.isInboundIncomplete && inboundWindows.isEmpty
        for (segment, own) in bridges.inboundWindows.sorted(by: { $0.key < $1.key }) {
            guard let stated = inboundWindows[segment] else {
                inboundWindows[segment] = own
                continue
            }
            if Set(stated) != Set(own) {
                findings.note(
                    .warning, "inbound-windows-contradict", bridges.place,
                    "dma_ranges of segment \(segment) differ from `_DMA`; the caller's count.")
            }
        }
    }

    /// Whether it is known if some bridge of a segment asks to keep the boot configuration.
    func knowsConfiguration(of segment: UInt32) -> Bool {
        if preservesPCIConfiguration != nil || preserves[segment] == true { return true }
        return preserves[segment] == false && !isAnyPreservationUnknown
            && !unknownPreservation.contains(segment)
    }

    /// Whether all inbound windows of a segment's host bridges are known.
    func knowsInboundWindows(of segment: UInt32) -> Bool {
        !isAnyInboundUnknown && !unknownInbound.contains(segment)
    }

    /// Whether all outbound windows of a segment's host bridges are known, be it that there are none.
    func knowsWindows(of segment: UInt32) -> Bool {
        if areAllUnknown || unknownSegments.contains(segment) { return false }
        return pciWindows[segment] != nil || areOthersAbsent
    }
}
