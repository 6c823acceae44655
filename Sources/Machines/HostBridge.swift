// A PCI host bridge as ACPI's namespace describes it. IORT has one root complex for a segment, which may have
// several bridges: a function is behind the one that has its bus, and only that one's windows are in its way.

/// One host bridge of ACPI.
public struct HostBridge: Hashable, Sendable {
    /// `\_SB.PCI0`
    public var path: String
    public var segment: UInt32
    /// Buses that it passes configuration cycles to; nil when they are not known.
    public var buses: ClosedRange<UInt32>?
    public var windows: [PCIWindow]
    /// Whether `_CRS` could be read.
    public var areWindowsKnown: Bool

    public init(
        path: String, segment: UInt32, buses: ClosedRange<UInt32>?, windows: [PCIWindow],
        areWindowsKnown: Bool
    ) {
        self.path = path
        self.segment = segment
        self.buses = buses
        self.windows = windows
        self.areWindowsKnown = areWindowsKnown
    }
}

extension Platform {
    /// Of a segment's windows those that a bus's own bridge has, and those that no other bridge of the
    /// segment has; all of them where not exactly one bridge has the bus.
    func windows(_ windows: [PCIWindow], behind bus: UInt32, of segment: UInt32) -> [PCIWindow] {
        let bridges = hostBridges.filter { $0.segment == segment }
        guard bridges.count > 1, bridges.allSatisfy({ $0.buses != nil }) else { return windows }
        let own = bridges.filter { $0.buses?.contains(bus) == true }
        guard own.count == 1 else { return windows }
        let others = Set(bridges.filter { $0.path != own[0].path }.flatMap(\.windows))
            .subtracting(own[0].windows)
        return windows.filter { !others.contains($0) }
    }
}
