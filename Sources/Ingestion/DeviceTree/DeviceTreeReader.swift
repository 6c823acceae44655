// The way in for device trees. What Linux reads from one, and what it makes of contradictions, is in
// TreeAnalysis; this is only the door.

public import Machines

/// Reads flattened device trees.
public enum DeviceTreeReader {
    /// The first bytes of every blob.
    public static let magic: [UInt8] = [0xd0, 0x0d, 0xfe, 0xed]

    /// The platform that a blob describes. Throws only when the blob is no device tree or is too large;
    /// contradictions inside a sound tree become findings of the platform.
    public static func read(_ bytes: [UInt8]) throws(DeviceTreeError) -> Platform {
        var analysis = TreeAnalysis(try DeviceTree(reading: bytes))
        return try analysis.platform()
    }
}
