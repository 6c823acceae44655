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
        let isFree = withheld.free.contains(window)
        let mates = isFree ? Self.blockers(window, ofMates: question) : []
        let isReachable = isFree && mates.isEmpty
        let because: String
        if isReachable {
            because = "\(window.text) lies outside everything that the platform withholds."
            recorder.record(.reachable, .accepted, candidate: window, because)
        } else if let (device, item) = mates.first {
            because =
                "\(window.text) lies in a reservation of \(device), which is in the same group and uses the "
                + "same window: \(item.provenance)."
            recorder.record(.unreachable, .rejected, candidate: window, blocker: item, because)
        } else {
            because = Obstacle.sentence(window, blockers.first, withheld, conditions)
            recorder.record(.unreachable, .rejected, candidate: window, blocker: blockers.first, because)
        }
        return Decision(
            outcome: .window, window: window, isReachable: isReachable,
            blockers: blockers + mates.map(\.item), because: because,
            warnings: Obstacle.warnings(window, blockers, withheld, conditions))
    }

    /// Reservations of the group's other devices on the window: the group has one, and theirs go astray.
    private static func blockers(
        _ window: IOVARange, ofMates question: Question
    ) -> [(device: String, item: WithheldItem)] {
        question.group.mates.flatMap { device in
            Withheld(for: device, under: question.conditions).items(overlapping: window)
                .filter { $0.type != nil }.map { (device.id, $0) }
        }
    }

    static func add(_ mapped: MappedDoorbells, to decision: inout Decision) {
        decision.doorbells = mapped.doorbells
        decision.warnings += mapped.warnings
        if let errno = mapped.errno { decision.errno = errno }
    }
}
