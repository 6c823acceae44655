// Bases that fail the same devices: for the question which constant serves best they are one.

public import AddressSpaces

/// A group of constants.
public struct ConstantGroup: Sendable {
    /// Ranges from the first base to the last byte of the last window, ascending; bases are aligned.
    public internal(set) var ranges: [IOVARange]
    /// Devices for which a window at these bases does not fit.
    public internal(set) var unfit: Int
    /// Bases in the group.
    public internal(set) var count: Int
    /// Classes of devices that fail, as bits.
    var failing: [UInt64] = []

    /// The lowest base.
    public var lowest: UInt64 { ranges[0].start.value }

    /// Whether a window at `base` belongs to the group.
    public func contains(base: UInt64, size: UInt64) -> Bool {
        guard let window = IOVARange(start: IOVA(base), size: size) else { return false }
        return ranges.contains { $0.contains(window) }
    }
}

/// Two constants of which the driver takes the one that fits.
public struct ConstantPair: Sendable {
    public var first: ConstantGroup
    public var second: ConstantGroup
    /// Devices for which neither fits.
    public var unfit: Int
}
