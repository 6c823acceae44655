// What a mapping trace is read with.

public import AddressSpaces
public import Platforms

/// The surroundings of a trace.
public struct TraceQuestion: Hashable, Sendable {
    public var conditions: Conditions
    /// The device whose domain is traced, as far as it is known; its reservations and limits apply.
    public var device: Device?
    /// Doorbells to look for; empty to guess one.
    public var doorbells: [PhysicalAddress]

    public init(
        conditions: Conditions = Conditions(), device: Device? = nil, doorbells: [PhysicalAddress] = []
    ) {
        self.conditions = conditions
        self.device = device
        self.doorbells = doorbells
    }
}
