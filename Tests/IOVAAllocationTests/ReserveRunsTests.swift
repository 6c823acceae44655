// Reserving over long runs of ranges that touch: the second time nothing is left to fill, and what Linux
// walks range by range is passed by, and the same ranges remain.

import AddressSpaces
import LinearWalk
import TestSupport
import Testing

@testable import IOVAAllocation

@Suite struct ReserveRunsTests {
    @Test func reservingAgainAndAgainOverManyRangesAgreesWithTheWalk() throws {
        var generator = SeededGenerator.forTest("reserve runs", fallback: 0x4e5)
        var domain = IOVADomain(granule: .kib4, startPFN: 1)
        var walk = LinearWalkDomain(granule: .kib4, startPFN: 1)
        domain.checksInvariants = true
        var given: [UInt64] = []
        for _ in 0..<700 {
            let size = UInt64.random(in: 1...3, using: &generator)
            let pfn = try #require(try domain.allocate(size: size, limit: 0x2000, isAligned: false))
            let expected = try walk.allocate(size: size, limit: 0x2000, isAligned: false)
            #expect(pfn == expected)
            given.append(pfn)
        }
        for round in 0..<60 {
            for _ in 0..<4 {
                let pfn = given.randomElement(using: &generator)!
                let freed = try domain.free(pfn)
                let expected = try walk.free(pfn)
                #expect(freed == expected)
            }
            let lo = UInt64.random(in: 0...0x2000, using: &generator)
            let hi = round % 3 == 0 ? 0x3000 : UInt64.random(in: lo...0x2400, using: &generator)
            let range = try domain.reserve(lo, hi)
            let expected = try walk.reserve(lo, hi)
            #expect(range == expected, "reserve \(lo) ... \(hi)")
            #expect(Array(domain.heldRanges) == walk.heldRanges)
        }
    }
}
