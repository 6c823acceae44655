// A step of attaching that ends in an errno.

/// Why a group is not attached.
struct Refusal: Hashable {
    var errno: Errno
    var because: String
    var blocker: WithheldItem?
    var warning: Warning.Code?

    var decision: Decision {
        var decision = Decision(
            outcome: .refused, isReachable: false, blockers: blocker.map { [$0] } ?? [], because: because,
            errno: errno)
        if let warning { decision.warn(warning, because) }
        return decision
    }
}
