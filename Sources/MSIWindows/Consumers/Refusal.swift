// A step of attaching, mapping or setting up that ends in an errno: the one kind of refusal of all
// consumers.

package import LinuxReleases
import Machines

/// Why Linux refuses a step.
package struct Refusal: Error, Hashable {
    package var errno: Errno
    /// One sentence for a person.
    package var because: String
    var blocker: WithheldItem?
    var warning: Warning.Code?
    /// What helps against it; nil where nothing does.
    var remedy: RefusalRemedy?

    package init(errno: Errno, because: String) {
        self.init(errno: errno, because: because, blocker: nil)
    }

    init(
        errno: Errno, because: String, blocker: WithheldItem? = nil, warning: Warning.Code? = nil,
        remedy: RefusalRemedy? = nil
    ) {
        self.errno = errno
        self.because = because
        self.blocker = blocker
        self.warning = warning
        self.remedy = remedy
    }

    /// The refusal as the answer to a question.
    var decision: Decision {
        var decision = Decision(
            outcome: .refused, reachability: .no, blockers: blocker.map { [$0] } ?? [], because: because,
            errno: errno)
        decision.changes = remedy?.changes ?? []
        if let warning { decision.warn(warning, because) }
        return decision
    }

    /// The refusal of a group that came before the one that is asked about.
    func ofEarlier(_ group: PreparedGroup) -> Refusal {
        var refusal = self
        refusal.because = "The earlier group of \(group.device.device.id) is itself refused: \(because)"
        return refusal
    }
}
