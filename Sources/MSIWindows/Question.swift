// One question: a device under conditions, a window source, a consumer, and the doorbells to be mapped.

public import AddressSpaces
public import Platforms

/// What a decision is asked about.
public struct Question: Hashable, Sendable {
    public var device: Device
    /// Usable ranges that the caller knows of; nil when nothing is known.
    public var usable: [IOVARange]?
    public var consumer: Consumer
    public var source: WindowSource
    public var conditions: Conditions
    /// Doorbell registers in the order in which they are first used.
    public var doorbells: [PhysicalAddress]

    public init(
        device: Device, usable: [IOVARange]? = nil, consumer: Consumer = .vfioType1,
        source: WindowSource = .fixed, conditions: Conditions = Conditions(),
        doorbells: [PhysicalAddress] = []
    ) {
        self.device = device
        self.usable = usable
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        self.doorbells = doorbells
    }
}
