// Events of agreements, which their logs list.

public import AddressSpaces

/// One thing that happened to an agreement.
public enum AgreementEvent: Hashable, Sendable {
    case proposed(window: IOVARange?, mechanism: Placement.Mechanism.Kind)
    case accepted
    case released
    case renewed(seconds: Int)
    case hostAdded(name: String, platform: String?, digest: String?)
    /// It was taken out, or its platform left the pool.
    case hostRemoved(name: String)
    /// Its platform was replaced or removed (no digest then), or has another id.
    case hostChanged(name: String, platform: String, digest: String?)
    case broken(Agreement.Broken)
    /// The promise is kept again.
    case holds
    case expired

    /// The event's name on the wire.
    public var name: String { kind.rawValue }

    public enum Kind: String, CaseIterable, Sendable {
        case proposed, accepted, released, renewed
        case hostAdded = "host_added"
        case hostRemoved = "host_removed"
        case hostChanged = "host_changed"
        case broken, holds, expired
    }

    public var kind: Kind {
        switch self {
        case .proposed: .proposed
        case .accepted: .accepted
        case .released: .released
        case .renewed: .renewed
        case .hostAdded: .hostAdded
        case .hostRemoved: .hostRemoved
        case .hostChanged: .hostChanged
        case .broken: .broken
        case .holds: .holds
        case .expired: .expired
        }
    }
}
