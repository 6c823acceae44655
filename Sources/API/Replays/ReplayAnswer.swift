// The results of a trace, and the steps of one operation, as members of an answer.

package import IOVAAllocation
package import JSON
import MSIWindows

extension JSONWriter {
    /// `"results"`, one entry per operation, and `"final"`, the ranges that are held at the end.
    package mutating func replayMembers(_ results: [TraceResult], final: some Sequence<PageFrameRange>) {
        array("results") { writer in
            for result in results {
                switch result {
                case .none: writer.null()
                case .pfn(let pfn): writer.hex(pfn)
                case .range(let range): writer.pair(range)
                }
            }
        }
        array("final") { writer in
            for range in final { writer.pair(range) }
        }
    }

    /// `[lo, hi]`
    private mutating func pair(_ range: PageFrameRange) {
        array { writer in
            writer.hex(range.lo)
            writer.hex(range.hi)
        }
    }

    /// The steps of one operation of a trace.
    package mutating func explanation(
        operation: Int, steps: [AllocationStep], dropped: Int, withNotes: Bool = true
    ) {
        object("explanation") { writer in
            writer.member("operation", operation)
            writer.array("steps") { writer in
                for (sequence, step) in steps.enumerated() where withNotes || step.verdict != .noted {
                    writer.step(sequence, step)
                }
            }
            writer.member("dropped", dropped)
        }
    }

    private mutating func step(_ sequence: Int, _ step: AllocationStep) {
        object { writer in
            writer.member("seq", sequence)
            writer.member("rule", step.rule.rawValue)
            writer.member("verdict", step.verdict.rawValue)
            if let candidate = step.candidate {
                writer.object("candidate") { $0.rangeMembers(start: candidate.lo, last: candidate.hi) }
            }
            writer.member("text", step.sentence)
        }
    }
}
