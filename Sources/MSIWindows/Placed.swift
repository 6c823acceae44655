// A decision for a window, whoever maps doorbells in it: can the device reach it, and if not, why.

import AddressSpaces
import Platforms

enum Placed {
    static func decision<R: Recorder>(
        _ window: IOVARange, _ question: Question, _ recorder: inout R
    ) -> Decision {
        let conditions = question.conditions
        let withheld = Withheld(for: question.device, under: conditions, usable: question.usable)
        let blockers = withheld.items(overlapping: window)
        let isReachable = withheld.free.contains(window)
        let because: String
        if isReachable {
            because = "\(window.text) lies outside everything that the platform withholds."
            recorder.record(.reachable, .accepted, candidate: window, because)
        } else {
            because = Obstacle.sentence(window, blockers.first, withheld, conditions)
            recorder.record(.unreachable, .rejected, candidate: window, blocker: blockers.first, because)
        }
        return Decision(
            outcome: .window, window: window, isReachable: isReachable, blockers: blockers, because: because,
            warnings: Obstacle.warnings(window, blockers, withheld, conditions))
    }

    static func add(_ mapped: MappedDoorbells, to decision: inout Decision) {
        decision.doorbells = mapped.doorbells
        decision.warnings += mapped.warnings
        if let errno = mapped.errno { decision.errno = errno }
    }
}
