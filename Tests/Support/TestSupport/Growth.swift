// Whether work grows with what it reads and not with the square of that: two lengths in one run, so that
// a slow machine slows both.

public import Testing

/// Growth of work.
public enum Growth {
    /// Four times as much takes no ten times as long; the square would be sixteen.
    public static func expectLinear(
        from count: Int, _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation,
        _ work: (Int) throws -> Void
    ) rethrows {
        let clock = ContinuousClock()
        let short = try clock.measure { try work(count) }
        let long = try clock.measure { try work(count * 4) }
        #expect(
            long < short * 10 + .milliseconds(500), "\(name): \(short), \(long)",
            sourceLocation: sourceLocation)
    }
}
