// What a mapping trace is read with.

public import AddressSpaces
public import Machines

/// The surroundings of a trace.
public struct TraceQuestion: Sendable {
    public let conditions: Conditions
    /// The device whose domain is traced, as far as it is known; its reservations and limits apply.
    let prepared: PreparedDevice?
    /// Doorbells to look for; empty to guess one.
    public let doorbells: [PhysicalAddress]

    /// - Parameter prepared: under `conditions`.
    public init(
        conditions: Conditions = Conditions(), prepared: PreparedDevice?, doorbells: [PhysicalAddress] = []
    ) {
        self.conditions = conditions
        self.prepared = prepared
        self.doorbells = doorbells
    }

    public init(
        conditions: Conditions = Conditions(), device: Device? = nil, doorbells: [PhysicalAddress] = []
    ) {
        self.init(
            conditions: conditions, prepared: device.map { PreparedDevice($0, under: conditions) },
            doorbells: doorbells)
    }
}
