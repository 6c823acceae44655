// Which doorbells a device of a machine raises its MSIs at: those of its controllers that have one. Whoever
// asks for many devices of a machine makes the index once.

public import AddressSpaces

/// The doorbells of one machine.
public struct DoorbellIndex: Sendable {
    private let doorbells: [String: PhysicalAddress]

    /// O(controllers).
    public init(_ platform: Platform) {
        doorbells = Dictionary(
            platform.msiControllers.compactMap { controller in controller.doorbell.map { (controller.id, $0) }
            },
            uniquingKeysWith: { first, _ in first })
    }

    /// Doorbells of the device's controllers that have one, each once, in the controllers' order.
    public func doorbells(of device: Device) -> [PhysicalAddress] {
        var seen: Set<PhysicalAddress> = []
        return device.msiControllers.compactMap { doorbells[$0] }.filter { seen.insert($0).inserted }
    }
}
