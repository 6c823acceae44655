// Hazards of the kernel's own DMA domain.

import AddressSpaces
import LinuxReleases
import Machines

extension Hazards {
    static func warn(
        aboutDomain domain: DMADomain, _ question: Question, _ decision: inout Decision
    ) {
        if domain.errno == .badAddress {
            decision.warn(
                .dmaDomainSetupFails,
                "The inbound windows lie outside the aperture \(question.conditions.aperture.text): the DMA domain's "
                    + "set-up fails with EFAULT.")
        } else if domain.errno != nil {
            decision.warn(.dmaDomainSetupFails, setUpFailure)
        }
        warn(aboutInboundWindowsOf: question.prepared.first.device, domain, &decision)
        warn(aboutMatesOf: question, &decision)
        for call in domain.inverted {
            let lo = call.frames(domain.granule).lo << UInt64(domain.granule.shift)
            if decision.doorbells.contains(where: { $0.page.value == lo }) {
                decision.warn(
                    .untrackedPage,
                    "The page \(HexLiteral.text(lo)) falls on the inverted node of \(call.provenance): Linux "
                        + "returns the address without recording it, and may crash later.")
            }
        }
    }

    /// The quirks of reserving what lies between inbound windows.
    private static func warn(
        aboutInboundWindowsOf device: Device, _ domain: DMADomain, _ decision: inout Decision
    ) {
        var end: UInt64 = 0
        for window in DMAReservations.inCPUOrder(device.inboundWindows) {
            guard window.busStart >= end || end == 0 else { return }
            if window.busStart != end {
                let lost = domain.granule.alignDown(window.busStart)
                decision.warn(
                    .inboundWindowLosesGranule,
                    "The first page of the inbound window at \(HexLiteral.text(window.busStart)) is reserved with the "
                        + "gap below it.",
                    range: IOVARange(proven: lost, domain.granule.lastOfPage(lost)))
            }
            end = window.busStart &+ window.size
            if end == 0 {
                decision.warn(
                    .inboundWindowToTheTop,
                    "The inbound window at \(HexLiteral.text(window.busStart)) ends at 2^64-1: the kernel's cursor "
                        + "wraps to 0 and, behind the last window, everything is reserved.")
            }
        }
    }

    /// The allocator knows the first device's reservations only.
    private static func warn(aboutMatesOf question: Question, _ decision: inout Decision) {
        let group = question.prepared
        guard group.devices.count > 1 else { return }
        let known = Set(group.first.reservations.calls)
        let pages = IOVASet(
            decision.doorbells.map { doorbell in
                let granule = question.conditions.granule
                return IOVARange(proven: doorbell.page.value, granule.lastOfPage(doorbell.page.value))
            })
        for mate in group.devices.dropFirst() {
            for call in mate.reservations.calls where !known.contains(call) {
                let range = call.range(question.conditions.granule)
                let isHit = range.map { !pages.ranges(overlapping: $0).isEmpty } ?? false
                let what =
                    "\(call.kind.phrase) \(range?.text ?? HexLiteral.text(call.first)) of \(mate.device.id)"
                decision.warn(
                    .groupMateReservations,
                    isHit
                        ? "The doorbell page lies in the \(what), which the domain of its group does not know."
                        : "The \(what) is not reserved in the domain, which was set up for \(group.first.device.id).",
                    range: range)
                guard isHit else { continue }
                decision.isReachable = false
                decision.because = "The doorbell page lies in the \(what), which its domain does not know."
            }
        }
    }
}
