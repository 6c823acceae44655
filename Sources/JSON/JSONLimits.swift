// How much JSON is read before it is refused.

/// Bounds of one document.
public struct JSONLimits: Sendable {
    public var bytesMax: Int
    /// Nesting of objects and arrays; the top level is depth 1.
    public var depthMax: Int
    /// Values of any kind, containers included.
    public var valuesMax: Int

    public init(bytesMax: Int, depthMax: Int, valuesMax: Int) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.valuesMax = valuesMax
    }
}
