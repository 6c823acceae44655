// A hole's measures against counting, over every hole of a small universe; and that a summary admits exactly
// the requests that some hole takes.

import TestSupport
import Testing

@testable import IOVAAllocation

@Suite struct HoleTests {
    static let universe: UInt64 = 48

    /// Whether `size` pages aligned as Linux aligns them fit, by trying every place.
    static func fits(_ size: UInt64, isAligned: Bool, _ bottom: UInt64, _ top: UInt64) -> Bool {
        let step = isAligned ? (size == 1 ? 1 : UInt64(1) << UInt64(64 - (size - 1).leadingZeroBitCount)) : 1
        return (bottom..<top).contains { $0 % step == 0 && $0 + size <= top }
    }

    @Test func everySmallHoleIsMeasuredRightly() {
        for bottom in 0..<Self.universe {
            for top in (bottom + 1)...Self.universe {
                let hole = Hole(bottom: bottom, top: top)
                #expect(hole.length == top - bottom)
                let order = (0..<6).last { Self.fits(1 << UInt64($0), isAligned: true, bottom, top) }
                #expect(hole.blockOrder == order, "\(bottom) ..< \(top)")
            }
        }
    }

    @Test func everySmallHoleAdmitsWhatItTakes() {
        for bottom in 0..<Self.universe {
            for top in (bottom + 1)...Self.universe {
                var summary = HoleSummary()
                summary.include(HoleSummary(Hole(bottom: bottom, top: top)))
                for size in 1...Self.universe {
                    for isAligned in [false, true] {
                        let request = HoleRequest(size: size, isAligned: isAligned)
                        let truth = Self.fits(size, isAligned: isAligned, bottom, top)
                        #expect(
                            summary.admits(request) == truth,
                            "\(size) pages, aligned \(isAligned), in \(bottom) ..< \(top)")
                        #expect((request.highestFit(bottom: bottom, top: top) != nil) == truth)
                    }
                }
            }
        }
    }

    @Test func holesAtTheTopOfTheSpaceDoNotWrap() {
        for length: UInt64 in 1...70 {
            let hole = Hole(bottom: .max - length, top: .max)
            #expect(hole.length == length)
            #expect(hole.blockOrder < 7 && hole.blockOrder >= 0)
        }
        let all = Hole(bottom: 0, top: .max)
        #expect(all.blockOrder == 63)
        let upper = Hole(bottom: 1, top: .max)
        #expect(upper.blockOrder == 62)
    }

    @Test func aSummaryOfManyHolesAdmitsWhatOneOfThemTakes() {
        var generator = SeededGenerator.forTest("summaries", fallback: 0x51)
        for _ in 0..<400 {
            var summary = HoleSummary()
            var holes: [(UInt64, UInt64)] = []
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let bottom = UInt64.random(in: 0..<4_096, using: &generator)
                let top = bottom + UInt64.random(in: 1...300, using: &generator)
                holes.append((bottom, top))
                summary.include(HoleSummary(Hole(bottom: bottom, top: top)))
            }
            for size: UInt64 in 1...300 {
                let request = HoleRequest(size: size, isAligned: true)
                let truth = holes.contains { request.highestFit(bottom: $0.0, top: $0.1) != nil }
                #expect(summary.admits(request) == truth, "\(size) pages in \(holes)")
            }
        }
    }
}

extension HoleSummary {
    /// Whether some hole takes the request; exact for an exact summary.
    fileprivate func admits(_ request: HoleRequest) -> Bool {
        request.mayFit(longest: longest, blockOrder: blockOrder, capacity: capacity)
    }
}
