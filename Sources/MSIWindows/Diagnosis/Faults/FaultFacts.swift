// Three facts that every fault has, apart from each other: whether it looks like a write to a doorbell,
// whether the address lies in an MSI window, and what became of the access. The verdict puts them together;
// a reader can put them together differently.

import AddressSpaces
import Machines

extension FaultExplanation {
    /// Whether the access looks like a write to a doorbell.
    public enum DoorbellWrite: String, CaseIterable, Sendable {
        /// A write to a doorbell that is known, at its own address or in a known window.
        case yes
        /// A doorbell's offset, in a place where a doorbell is likely.
        case likely
        /// A read, a fetch, no access at all, or an offset that no doorbell has.
        case no
        /// A doorbell's offset, and nothing else for it or against it; or the address is not known.
        case unknown
    }

    /// What became of the access, in one word.
    public enum Happening: String, CaseIterable, Sendable {
        case notMapped = "not_mapped"
        case notPermitted = "not_permitted"
        case accessFlag = "access_flag"
        case addressTooLarge = "address_too_large"
        case aborted
        case tlbConflict = "tlb_conflict"
        case unsupported
        /// The SMMU refuses the stream, or cannot use its tables.
        case streamRefused = "stream_refused"
        /// It waits until the kernel has mapped the page.
        case stalled
        /// The device asked for a page and waits for the kernel's answer.
        case pageRequested = "page_requested"
        /// No access was refused: the SMMU's command queue is stuck.
        case queueStuck = "queue_stuck"
        case unknown
    }

    /// Fills in the three facts; the shape of the MSI is known already.
    mutating func addFacts(_ scene: FaultScene) {
        happened = Happening(fault)
        doorbellWrite =
            switch verdict {
            case .msiWindow, .msiPhysicalDoorbell: isMSI == .yes && fault.isWrite == true ? .yes : .likely
            case .msiBaseLost, .msiDMAPage, .likelyMSI: .likely
            case .windowOnly, .notMSI: .no
            case .noAddress: fault.cause == .commandQueue ? .no : .unknown
            case .unknown: .unknown
            }
        guard let iova = fault.faultingAddress, verdict != .noAddress else { return }
        switch verdict {
        case .msiWindow, .windowOnly: inWindow = true
        case .msiBaseLost, .msiPhysicalDoorbell, .msiDMAPage, .likelyMSI, .unknown, .notMSI, .noAddress:
            if scene.knowsWindows { inWindow = scene.windows.contains { $0.contains(IOVA(iova)) } }
        }
    }
}

extension FaultExplanation.Happening {
    init(_ fault: SMMUFault) {
        self =
            switch fault.cause {
            case .translation: fault.isRecoverable ? .stalled : .notMapped
            case .permission: fault.isRecoverable ? .stalled : .notPermitted
            case .accessFlag: fault.isRecoverable ? .stalled : .accessFlag
            case .addressSize: .addressTooLarge
            case .externalAbort: .aborted
            case .tlbConflict: .tlbConflict
            case .unsupportedTransaction: .unsupported
            case .configuration: .streamRefused
            case .pageRequest: .pageRequested
            case .commandQueue: .queueStuck
            case .other: .unknown
            }
    }
}

extension SMMUFault {
    /// Whether it is a page fault of a process's address space that the kernel mends. A stall alone is not:
    /// some drivers have all accesses wait until they end them.
    var isRecoverable: Bool { isStalled == true && substreamID != nil }
}

extension SMMUFault.Cause {
    /// Whether the address found no mapping, as far as the log says: only then may something between the
    /// device and the SMMU be the reason.
    var mayLackMapping: Bool {
        switch self {
        case .translation, .other: true
        case .permission, .accessFlag, .addressSize, .externalAbort, .tlbConflict, .unsupportedTransaction,
            .configuration, .pageRequest, .commandQueue:
            false
        }
    }

    /// Why an MSI faulted, by the cause alone.
    var reason: FaultExplanation.Reason? {
        switch self {
        case .translation, .other: .notMapped
        case .permission: .notPermitted
        case .addressSize: .beyondAperture
        case .accessFlag, .externalAbort, .tlbConflict, .unsupportedTransaction, .configuration,
            .pageRequest, .commandQueue:
            nil
        }
    }
}
