// Whether a reader's work grows with its text and not with the text's square: two lengths in one run, so that
// a slow machine slows both.

import Testing

enum Growth {
    /// Four times the text takes no ten times as long; the square would be sixteen.
    static func expectLinear(
        from bytes: Int, _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation,
        _ work: (Int) throws -> Void
    ) rethrows {
        let clock = ContinuousClock()
        let short = try clock.measure { try work(bytes) }
        let long = try clock.measure { try work(bytes * 4) }
        #expect(
            long < short * 10 + .milliseconds(500), "\(name): \(short), \(long)",
            sourceLocation: sourceLocation)
    }
}
