// How a decision explains itself: the code that decides reports each step to a recorder. One that keeps
// nothing compiles away, so there is one path and no second explanation that could disagree.

public import AddressSpaces
public import IOVAAllocation

/// One step of a decision.
public struct Step: Hashable, Sendable {
    public enum Verdict: String, CaseIterable, Sendable {
        case accepted, rejected, noted
    }

    /// From 0, counting steps that were dropped as well.
    public var sequence: Int
    public var rule: Rule
    public var verdict: Verdict
    public var candidate: IOVARange?
    public var blocker: WithheldItem?
    public var text: String
}

/// Receives each step as it is decided. It cannot change the decision.
public protocol Recorder {
    mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, blocker: WithheldItem?,
        _ text: @autoclosure () -> String)

    /// A fact of the allocator underneath, which its own rule names.
    mutating func record(allocation step: @autoclosure () -> AllocationStep)
}

extension Recorder {
    /// A step about no window.
    @inlinable
    public mutating func record(_ rule: Rule, _ verdict: Step.Verdict, _ text: @autoclosure () -> String) {
        record(rule, verdict, candidate: nil, blocker: nil, text())
    }

    /// A step about a window that nothing blocks.
    @inlinable
    public mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, _ text: @autoclosure () -> String
    ) {
        record(rule, verdict, candidate: candidate, blocker: nil, text())
    }
}

/// Keeps nothing.
public struct NoRecorder: Recorder {
    /// Never read: an `inout` argument of no bytes kills a process under ThreadSanitizer.
    @usableFromInline let unused: UInt8 = 0

    public init() {}

    @inlinable
    public mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, blocker: WithheldItem?,
        _ text: @autoclosure () -> String
    ) {}

    @inlinable
    public mutating func record(allocation step: @autoclosure () -> AllocationStep) {}
}

/// Keeps the first steps and counts the rest.
public struct StepRecorder: Recorder {
    public private(set) var steps: [Step] = []
    public private(set) var dropped = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    public mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, blocker: WithheldItem?,
        _ text: @autoclosure () -> String
    ) {
        guard steps.count < limit else {
            dropped += 1
            return
        }
        steps.append(
            Step(
                sequence: steps.count, rule: rule, verdict: verdict, candidate: candidate, blocker: blocker,
                text: text()))
    }

    public mutating func record(allocation step: @autoclosure () -> AllocationStep) {
        guard steps.count < limit else {
            dropped += 1
            return
        }
        let fact = step()
        record(fact.rule, .noted, candidate: nil, blocker: nil, fact.sentence)
    }
}

/// Passes the allocator's steps to a decision's recorder.
struct AllocationListener<R: Recorder>: AllocationRecorder {
    var recorder: R

    mutating func record(_ step: @autoclosure () -> AllocationStep) { recorder.record(allocation: step()) }
}
