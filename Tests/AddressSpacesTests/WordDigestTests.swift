// The digest of contents: every bit of them counts, and so does their length.

import AddressSpaces
import TestSupport
import Testing

@Suite struct WordDigestTests {
    private func digest(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { WordDigest.of($0) } }

    @Test func everyBitAndTheLengthCount() {
        var random = SeededGenerator.forTest("word digest", fallback: 0xd16)
        for count in 0...40 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            var seen: Set<UInt64> = [digest(bytes), digest(bytes + [0])]
            for bit in 0..<8 * count {
                var other = bytes
                other[bit / 8] ^= 1 << UInt8(bit % 8)
                seen.insert(digest(other))
            }
            #expect(seen.count == 8 * count + 2, "\(count) bytes: \(bytes)")
        }
    }

    @Test func zerosOfEveryLengthDiffer() {
        #expect(Set((0...4_096).map { digest([UInt8](repeating: 0, count: $0)) }).count == 4_097)
    }

    /// A slice that begins anywhere is digested as the same bytes elsewhere.
    @Test func placeDoesNotCount() {
        let bytes = (0..<100).map { UInt8($0) }
        for start in 0..<16 {
            let moved = [UInt8](repeating: 9, count: start) + bytes
            #expect(moved[start...].withUnsafeBytes { WordDigest.of($0) } == digest(bytes))
        }
    }

    /// Words in another order are other contents.
    @Test func orderCounts() {
        let words: [[UInt8]] = [[1], [2], [3]].map { $0 + [UInt8](repeating: 0, count: 7) }
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        #expect(Set(orders.map { order in digest(order.flatMap { words[$0] }) }).count == 6)
    }
}
