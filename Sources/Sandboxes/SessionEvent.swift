// What happened in a session, one value an effect. An event holds what it takes to repeat the call on a fresh
// domain and to check its outcome; it is small, since a session keeps a thousand of them, and becomes text
// only when somebody reads it.

/// The name of a domain, shared by all events about it.
public final class DomainName: Hashable, Sendable {
    public let text: String
    public init(_ text: String) { self.text = text }

    public static func == (left: DomainName, right: DomainName) -> Bool { left.text == right.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// One effect.
public enum SessionEvent: Hashable, Sendable {
    /// How an allocation was asked for.
    public struct Manner: Hashable, Sendable {
        public var level: AllocationOrder.Level
        public var isAligned: Bool
        public var isPCI: Bool
        /// log2 of the page.
        public var shift: UInt8
        /// Index of the asking device in its group; -1 for nobody attached.
        public var member: Int16
    }

    case domainCreated(DomainName)
    case domainDeleted(DomainName)
    case attached(DomainName, device: DomainName, member: Int16)
    case detached(DomainName, device: DomainName)
    /// `grows`: as Linux's reserve_iova, over what was held.
    case reserved(DomainName, start: UInt64, last: UInt64, kind: UInt8, grows: Bool)
    case allocated(DomainName, bytes: UInt64, limit: UInt64, iova: UInt64, Manner)
    /// Nothing fitted; the allocator's memo remembers it.
    case exhausted(DomainName, bytes: UInt64, limit: UInt64, Manner)
    case freed(DomainName, start: UInt64, last: UInt64)
    case doorbellMapped(DomainName, physical: UInt64, iova: UInt64, mask: UInt64, Manner)
    /// The doorbell's page found no IOVA.
    case doorbellFailed(DomainName, physical: UInt64, mask: UInt64, Manner)
    case mapped(DomainName, start: UInt64, last: UInt64)
    case unmapped(DomainName, start: UInt64, last: UInt64)
    /// The caches' trimmer fired.
    case trimmed(DomainName)
    case renewed(seconds: Int)
    case expired

    /// On the wire, lower_snake.
    public var name: String {
        switch self {
        case .domainCreated: "domain_created"
        case .domainDeleted: "domain_deleted"
        case .attached: "attached"
        case .detached: "detached"
        case .reserved: "reserved"
        case .allocated: "allocated"
        case .exhausted: "exhausted"
        case .freed: "freed"
        case .doorbellMapped: "doorbell_mapped"
        case .doorbellFailed: "doorbell_failed"
        case .mapped: "mapped"
        case .unmapped: "unmapped"
        case .trimmed: "trimmed"
        case .renewed: "renewed"
        case .expired: "expired"
        }
    }
}
