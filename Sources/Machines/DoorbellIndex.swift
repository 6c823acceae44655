// Which doorbells a device of a machine raises its MSIs at: those of its controllers that have one, or where
// no controller is known, those of the machine in the device's hardware MSI regions. Whoever asks for many
// devices of a machine makes the index once.

public import AddressSpaces

/// The doorbells of one machine.
public struct DoorbellIndex: Sendable {
    private let doorbells: [String: PhysicalAddress]
    /// Of controllers that are enabled, ascending.
    private let enabled: [PhysicalAddress]

    /// O(n log n) for n controllers.
    public init(_ platform: Platform) {
        doorbells = Dictionary(
            platform.msiControllers.compactMap { controller in controller.doorbell.map { (controller.id, $0) }
            },
            uniquingKeysWith: { first, _ in first })
        enabled = Set(platform.msiControllers.lazy.filter(\.enabled).compactMap(\.doorbell))
            .sorted { $0.value < $1.value }
    }

    /// Doorbells of the device's controllers that have one, each once, in the controllers' order. Where
    /// firmware names no controller for the device: those in its hardware MSI regions, which are there for
    /// nothing else, ascending. O(n log n) for n controllers or regions, and what is found.
    public func doorbells(of device: Device) -> [PhysicalAddress] {
        doorbells(ofControllers: device.msiControllers, or: device.firmwareRegions)
    }

    /// Those of these controllers; without any, those in the hardware MSI regions among these.
    public func doorbells(
        ofControllers controllers: [String], or regions: [ReservedRegion]
    ) -> [PhysicalAddress] {
        // Nearly every device has one controller.
        if controllers.count == 1 { return doorbells[controllers[0]].map { [$0] } ?? [] }
        guard controllers.isEmpty else { return controllers.compactMap { doorbells[$0] }.eachOnce { $0 } }
        // As a set: lists may name the same addresses thousands of times.
        return IOVASet(regions.lazy.filter { $0.kind == .msi }.compactMap(\.range)).ranges
            .flatMap(doorbells(in:))
    }

    /// O(log n), and what is found.
    private func doorbells(in range: IOVARange) -> ArraySlice<PhysicalAddress> {
        enabled[enabled.partitioningIndex { $0.value >= range.start.value }...]
            .prefix { $0.value <= range.last.value }
    }
}
