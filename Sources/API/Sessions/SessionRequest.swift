// The bodies that make and renew sessions, read with all their mistakes at once.

import AddressSpaces
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

/// The body of POST /v1/sessions: a fresh session, or an exported one.
struct SessionRequest: Sendable {
    /// nil when the server names it.
    private(set) var id: WireID?
    private(set) var kernel = KernelProfile.newest
    /// Whether the request says which kernel.
    private(set) var statesKernel = false
    private(set) var ttlSeconds = Limits.sessionTTLSecondsDefault
    /// What was exported, nil for a fresh session.
    private(set) var snapshot: SessionSnapshot?

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.optional("id") { id = WireID(node, problems) }
        if let value = reader.value("kernel"), let kernel = Condition.kernel(value, problems) {
            self.kernel = kernel
            statesKernel = true
        }
        if let node = reader.optional("ttl_seconds"), let seconds = Self.ttl(node, problems) {
            ttlSeconds = seconds
        }
        if reader.node.member("domains") != nil {
            snapshot = SessionSnapshot(
                &reader, id: id?.text ?? "", kernel: kernel, ttlSeconds: ttlSeconds, problems)
        }
        reader.finish()
    }

    static func ttl(_ node: JSONNode, _ problems: ProblemList) -> Int? {
        node.int(in: 1...Limits.sessionTTLSecondsMax, problems)
    }
}

/// The body of PATCH /v1/sessions/{session}.
struct SessionPatch: Sendable {
    private(set) var ttlSeconds: Int?

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        ttlSeconds = reader.required("ttl_seconds").flatMap { SessionRequest.ttl($0, problems) }
        reader.finish()
    }
}
