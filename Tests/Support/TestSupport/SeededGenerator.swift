// Random numbers that can be repeated: every random test prints its seed, and a seed given in the
// environment (IOVAD_TEST_SEED) replays it.

import AddressSpaces
import Foundation

/// splitmix64. Seed 0 gives 0xe220a8397b1dcdaf first.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var numbers: SplitMix64
    public let seed: UInt64

    public init(seed: UInt64) {
        self.seed = seed
        numbers = SplitMix64(seed: seed)
    }

    /// The generator of one test: seeded by IOVAD_TEST_SEED (decimal or 0x hex) or by `fallback`, and
    /// says so on standard output, so that a failing run can be repeated.
    public static func forTest(_ name: String, fallback: UInt64) -> SeededGenerator {
        let given = ProcessInfo.processInfo.environment["IOVAD_TEST_SEED"]
        let seed = given.flatMap(parse) ?? fallback
        print("seed of \(name): IOVAD_TEST_SEED=0x\(String(seed, radix: 16))")
        return SeededGenerator(seed: seed)
    }

    private static func parse(_ text: String) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }

    public mutating func next() -> UInt64 { numbers.next() }

    /// A number where address code breaks: half of the time within 8 of a power of two (or of 0 or
    /// 2^64-1), otherwise uniform.
    public mutating func edgeBiased() -> UInt64 {
        guard Bool.random(using: &self) else { return next() }
        let power = UInt64(1) << UInt64.random(in: 0...63, using: &self)
        let base = [power, 0, .max].randomElement(using: &self)!
        let offset = UInt64.random(in: 0...8, using: &self)
        return Bool.random(using: &self) ? base &+ offset : base &- offset
    }
}
