// The answer: what Linux does, whether it works, and why; and the one place where a question becomes an
// answer. The switch over consumers is here and nowhere else.

public import AddressSpaces
public import LinuxReleases
import Machines

/// One decision.
public struct Decision: Hashable, Sendable {
    public enum Outcome: String, CaseIterable, Sendable {
        /// Doorbells are mapped: in a window, or for the DMA layer in pages like any other.
        case window
        /// There is no window, or nothing is left to map doorbells at.
        case none
        /// Linux refuses before doorbells matter.
        case refused
        /// Hardware MSI regions: doorbells keep their addresses.
        case hardware
        /// Nothing is translated.
        case identity
    }

    /// Where a doorbell is reached.
    public struct Doorbell: Hashable, Sendable {
        public var physical: PhysicalAddress
        /// The address that the device writes to.
        public var iova: IOVA
        /// First address of the page that is mapped for it.
        public var page: IOVA
    }

    /// What became of one mapping that was tried.
    public struct MapResult: Hashable, Sendable {
        public var check: MapCheck
        /// Where it was mapped; nil when it was refused.
        public var iova: IOVA?
        public var errno: Errno?
    }

    public var outcome: Outcome
    /// The software-MSI window; for the DMA layer the pages that the doorbells took, when they lie side by
    /// side.
    public var window: IOVARange?
    public var doorbells: [Doorbell] = []
    /// Whether the window lies outside everything that the platform withholds, also where Linux does not
    /// look. Without a window: whether the doorbells are reached without one.
    public var reachability: Reachability
    /// What stands in the window's way.
    public var blockers: [WithheldItem] = []
    /// One sentence for a person.
    public var because: String
    public var warnings: [Warning] = []
    /// What to do, where Linux refuses or the device does not reach its window for certain: sentences for a
    /// person; empty where no act is known to help.
    public var changes: [String] = []
    public var errno: Errno?
    /// Ranges that user space may map once the group is attached; nil for the DMA layer.
    public var ranges: [IOVARange]?
    /// dma_api: where each earlier mapping went, nil for one that failed and for what maps nothing.
    public var history: [IOVA?] = []
    public var mapResults: [MapResult] = []
    /// Where a virtio-iommu decides what it reports: the answer if it reports an MSI region. At most one.
    public var ifReported: [IfReported] = []

    /// Whether it is certain that writes arrive.
    public var isReachable: Bool { reachability == .yes }

    /// Most warnings of one decision; what is beyond them is of the same kinds.
    public static let warningsMax = 256

    /// Adds a warning unless one of its code and range is there already.
    mutating func warn(_ code: Warning.Code, _ detail: String, range: IOVARange? = nil) {
        warnings.add(code, detail, range: range)
    }

    /// Adds those that are not there yet.
    mutating func warn(_ more: [Warning]) {
        for warning in more { warn(warning.code, warning.detail, range: warning.range) }
    }
}

extension Decision {
    /// Decides, reporting each step to `recorder`. The recorder cannot change the decision.
    public static func decide<R: Recorder>(_ question: Question, recorder: inout R) -> Decision {
        var decision = Decision()
        decision.answer(question, recorder: &recorder)
        return decision
    }

    /// No decision yet: what `answer` fills in.
    public init() { self.init(outcome: .none, reachability: .no, because: "") }

    /// The same in place. Each function that makes a decision, adds to it and hands it on copies all of it:
    /// three of them took 1,500 of a request's instructions.
    public mutating func answer<R: Recorder>(_ question: Question, recorder: inout R) {
        switch question.consumer {
        case .dmaAPI: DMALayer.decide(question, &self, &recorder)
        case .vfioType1, .iommufd: UserSpace.decide(question, &self, &recorder)
        }
        // By reference: a copy of all that is known of the device counts fifty references.
        let subject = question.subject
        let isTranslated = question.conditions.translates(for: question.consumer)
        for unknown in subject.openFacts
        where window != nil || isTranslated && unknown.countsWithoutWindow {
            guard let remark = unknown.remark(of: subject.source) else { continue }
            warn(unknown.code, remark, range: window)
        }
        if let remark = subject.x86Remark {
            warn(.x86Host, remark, range: DriverWindow.x86)
        }
        let missing = subject.missingIOMMURemark(under: question.conditions, for: question.consumer)
        if let missing { warn(.noGroup, missing) }
        addIfReported(question)
        if let remark = question.conditions.kernelRemark(onX86: subject.isOfX86) {
            warn(.kernelNotModelledExactly, remark)
        }
        if warnings.count > Self.warningsMax { warnings = Array(warnings.prefix(Self.warningsMax)) }
    }

    /// Decides without an explanation.
    public static func decide(_ question: Question) -> Decision {
        var ignored = NoRecorder()
        return decide(question, recorder: &ignored)
    }
}
