// Listens to the allocator and to the DMA layer above it: the bookkeeping learns what was flushed and
// reserved, the answer learns why. It decides nothing.

import AddressSpaces
import IOVAAllocation
import MSIWindows

struct SandboxListener: Recorder, AllocationRecorder {
    /// Whether reasons are wanted: they cost strings.
    let keepsReason: Bool
    private(set) var reason = AllocationReason()
    /// Ranges left the caches for the tree.
    private(set) var hasFlushed = false
    /// New ranges of reservations.
    private(set) var reserved: [PageFrameRange] = []

    private static let stepsMax = 8

    init(keepsReason: Bool) { self.keepsReason = keepsReason }

    mutating func record(_ step: @autoclosure () -> AllocationStep) {
        let step = step()
        switch step {
        case .flushed(let ranges): if ranges > 0 { hasFlushed = true }
        case .magazineFreed: hasFlushed = true
        case .reserved(let range): reserved.append(range)
        case .took, .cacheHit, .memoRefused, .memoSet, .limitWraps: break
        default: return
        }
        if keepsReason, reason.steps.count < Self.stepsMax { reason.steps.append(step) }
    }

    mutating func record(allocation step: @autoclosure () -> AllocationStep) { record(step()) }

    mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, blocker: WithheldItem?,
        _ text: @autoclosure () -> String
    ) {
        if keepsReason, verdict != .noted || rule == .domainPageReused { reason.sentence = text() }
    }
}
