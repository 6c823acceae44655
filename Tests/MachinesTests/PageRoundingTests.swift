// Rounding of firmware's memory ranges: scenario S17 of the policies, and that it is a projection.

import AddressSpaces
import Machines
import TestSupport
import Testing

@Suite struct PageRoundingTests {
    private func rounded(_ start: UInt64, _ length: UInt64, _ page: Granule) -> (UInt64, UInt64) {
        let region = ReservedRegion(kind: .direct, start: start, length: length, provenance: .rmr(offset: 0))
        let result = region.rounded(to: page)
        return (result.start, result.length)
    }

    @Test func examples() {
        #expect(rounded(0x8000_1800, 0x1000, .kib4) == (0x8000_1000, 0x2000))
        #expect(rounded(0x8000_1800, 0x1000, .kib64) == (0x8000_0000, 0x1_0000))
        // Aligned to 64 KiB: left alone whatever the pages.
        #expect(rounded(0x800_0000, 0x8_0000, .kib64) == (0x800_0000, 0x8_0000))
        // No bytes at an aligned place stay none; elsewhere the page around it is taken.
        #expect(rounded(0x800_0000, 0, .kib4) == (0x800_0000, 0))
        #expect(rounded(0x800_0010, 0, .kib4) == (0x800_0000, 0x1000))
        #expect(rounded(0x800_1000, 0, .kib4) == (0x800_1000, 0))
        #expect(rounded(.max - 0xfff, 0x1000, .kib4) == (.max - 0xfff, 0x1000))
    }

    @Test func onlyMemoryRangesAreRounded() {
        let region = ReservedRegion(kind: .reserved, start: 0x1801, length: 3, provenance: .caller("x"))
        #expect(region.rounded(to: .kib64) == region)
    }

    @Test func isAProjectionThatCovers() {
        var random = SeededGenerator.forTest("page rounding", fallback: 0x17)
        for _ in 0..<20_000 {
            let start = random.edgeBiased()
            let length = random.edgeBiased() >> 8
            let page = [Granule.kib4, .kib16, .kib64].randomElement(using: &random)!
            let once = rounded(start, length, page)
            #expect(rounded(once.0, once.1, page) == once)
            guard length > 0, !start.addingReportingOverflow(length).overflow,
                !once.0.addingReportingOverflow(once.1).overflow
            else { continue }
            #expect(once.0 <= start && once.0 + once.1 >= start + length)
        }
    }
}
