// What an answer tells about a session, taken while its lock is held and written after.

import IOVAAllocation
public import JSON
public import LinuxReleases
public import Sandboxes

/// The representation of a session.
public struct SessionSummary: Sendable {
    public let id: String
    public let kernel: KernelRelease
    public let revision: UInt64
    public let ttlSeconds: Int
    public let createdAt: UInt64
    public let expiresAt: UInt64
    public let domains: [String]
    public let iovas: Int

    public init(_ session: Session, revision: UInt64? = nil) {
        id = session.id
        kernel = session.kernel
        self.revision = revision ?? session.revision
        ttlSeconds = session.ttlSeconds
        createdAt = session.createdAt
        expiresAt = session.expiresAt
        domains = session.domains.map(\.id)
        iovas = session.liveCount
    }
}

extension JSONWriter {
    public mutating func sessionSummary(_ session: SessionSummary) {
        member("id", session.id)
        member("kernel", session.kernel.rawValue)
        member("revision", Int(session.revision))
        member("ttl_seconds", session.ttlSeconds)
        member("created_at", Timestamp.text(milliseconds: session.createdAt))
        member("expires_at", Timestamp.text(milliseconds: session.expiresAt))
        member("domains", strings: session.domains)
        member("iovas", session.iovas)
    }
}
