// What a fault is explained with: the machine it happened on, as far as it is known.

public import AddressSpaces
public import Machines

/// The surroundings of a fault.
public struct FaultQuestion: Sendable {
    /// nil for a bare line.
    public var platform: Platform?
    public var conditions: Conditions
    /// Doorbells that the caller knows of; the platform's are added.
    public var doorbells: [PhysicalAddress]
    /// Windows besides mainline's and the posted series' second one, where somebody moved it.
    public var windows: [IOVARange]
    /// Prepares a device of the platform, or finds it where somebody keeps it.
    public var preparer: (@Sendable (Device) -> PreparedDevice)?

    public init(
        platform: Platform? = nil, conditions: Conditions = Conditions(), doorbells: [PhysicalAddress] = [],
        windows: [IOVARange] = []
    ) {
        self.platform = platform
        self.conditions = conditions
        self.doorbells = doorbells
        self.windows = windows
    }

    func prepare(_ device: Device) -> PreparedDevice {
        preparer?(device) ?? platform?.prepared(device, under: conditions)
            ?? PreparedDevice(device, under: conditions)
    }
}
