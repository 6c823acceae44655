// Region sets against bit masks: every pair of sets in a small universe that is put at the bottom, in the
// middle and at the very top of the 64-bit space; then laws at edge-biased 64-bit addresses.

import AddressSpaces
import TestSupport
import Testing

@Suite struct RegionSetTests {
    static let cells = 6
    static let offsets: [UInt64] = [0, 1 << 40, UInt64.max - UInt64(cells - 1)]

    static func set(_ mask: UInt32, at offset: UInt64, cells: Int = cells) -> IOVASet {
        IOVASet(
            (0..<cells).filter { mask >> UInt32($0) & 1 == 1 }.map {
                IOVARange(proven: offset + UInt64($0), offset + UInt64($0))
            })
    }

    static func mask(_ set: IOVASet, at offset: UInt64, cells: Int = cells) -> UInt32 {
        (0..<cells).reduce(0) { $0 | (set.contains(IOVA(offset + UInt64($1))) ? 1 << UInt32($1) : 0) }
    }

    @Test(arguments: offsets)
    func algebraAgreesWithBitMasks(offset: UInt64) {
        let all: UInt32 = 1 << UInt32(Self.cells) - 1
        let universe = IOVARange(proven: offset, offset + UInt64(Self.cells - 1))
        for a in 0...all {
            let left = Self.set(a, at: offset)
            left.checkInvariants()
            #expect(Self.mask(left.complement(within: universe), at: offset) == ~a & all)
            #expect(left.complement().complement() == left)
            for b in 0...all {
                let right = Self.set(b, at: offset)
                for (result, expected) in [
                    (left.union(right), a | b), (left.intersection(right), a & b),
                    (left.subtracting(right), a & ~b),
                ] {
                    result.checkInvariants()
                    #expect(result == Self.set(expected, at: offset), "\(a) and \(b) at \(offset)")
                }
            }
            for low in 0..<UInt64(Self.cells) {
                for high in low..<UInt64(Self.cells) {
                    let range = IOVARange(proven: offset + low, offset + high)
                    #expect(
                        left.firstGap(in: range) == left.complement(within: range).ranges.first,
                        "\(a), \(low)...\(high) at \(offset)")
                }
            }
        }
    }

    @Test(arguments: offsets)
    func placementAgreesWithBruteForce(offset: UInt64) {
        let cells = 8
        let base = offset == Self.offsets[2] ? UInt64.max - UInt64(cells - 1) : offset
        for mask in UInt32(0)..<(1 << UInt32(cells)) {
            let set = Self.set(mask, at: base, cells: cells)
            for size in 1...UInt64(cells) {
                for alignment in [1, 2, 4].map({ Granule(bytes: $0)! }) {
                    let starts = (0..<UInt64(cells)).filter { place in
                        place + size <= UInt64(cells) && alignment.isAligned(base + place)
                            && (place..<place + size).allSatisfy { mask >> UInt32($0) & 1 == 1 }
                    }
                    let lowest = set.lowestFit(size: size, alignment: alignment)?.start.value
                    let highest = set.highestFit(size: size, alignment: alignment)?.start.value
                    #expect(lowest == starts.first.map { base + $0 })
                    #expect(highest == starts.last.map { base + $0 })
                    for target in 0..<UInt64(cells) {
                        let nearest = starts.min {
                            (distance($0, target), $1) < (distance($1, target), $0)
                        }
                        let found = set.nearestFit(to: IOVA(base + target), size: size, alignment: alignment)
                        #expect(found?.start.value == nearest.map { base + $0 }, "\(mask) \(size) \(target)")
                    }
                }
            }
        }
    }

    private func distance(_ a: UInt64, _ b: UInt64) -> UInt64 { a > b ? a - b : b - a }

    @Test func everyPairOfSmallRangesRelatesAsItsMembers() {
        for offset in Self.offsets {
            let top: UInt64 = offset == 0 || offset == 1 << 40 ? offset + 15 : .max
            let bottom = top - 15
            let ranges = (bottom...top).flatMap { start in (start...top).map { IOVARange(proven: start, $0) }
            }
            for a in ranges {
                for b in ranges {
                    let shared =
                        max(
                            a.start.value, b.start.value)...max(
                            min(a.last.value, b.last.value), max(a.start.value, b.start.value))
                    let overlap = max(a.start.value, b.start.value) <= min(a.last.value, b.last.value)
                    #expect(a.overlaps(b) == overlap)
                    #expect(
                        a.intersection(b)
                            == (overlap ? IOVARange(proven: shared.lowerBound, shared.upperBound) : nil))
                    let adjacent =
                        (a.last.value < .max && a.last.value + 1 == b.start.value)
                        || (b.last.value < .max && b.last.value + 1 == a.start.value)
                    #expect(a.touches(b) == adjacent)
                    #expect(a.contains(b) == (a.start <= b.start && b.last <= a.last))
                }
            }
        }
    }

    @Test func lawsHoldAtTheEdgesOf64Bits() {
        var random = SeededGenerator.forTest("RegionSet laws", fallback: 0x1057)
        for _ in 0..<2_000 {
            let (a, b, c) = (randomSet(&random), randomSet(&random), randomSet(&random))
            for set in [a, b, c] { set.checkInvariants() }
            #expect(a.union(b).complement() == a.complement().intersection(b.complement()))
            #expect(a.intersection(b).complement() == a.complement().union(b.complement()))
            #expect(a.intersection(b.union(c)) == a.intersection(b).union(a.intersection(c)))
            #expect(a.subtracting(b) == a.intersection(b.complement()))
            #expect(a.union(a.complement()) == .full)
            let several = (0..<Int.random(in: 0...9, using: &random)).map { _ in randomSet(&random) }
            #expect(IOVASet.union(several) == IOVASet(several.flatMap(\.ranges)))
            let size = max(1, random.edgeBiased())
            let alignment = Granule(bytes: 1 << UInt64.random(in: 0...63, using: &random))!
            for found in [
                a.lowestFit(size: size, alignment: alignment), a.highestFit(size: size, alignment: alignment),
                a.nearestFit(to: IOVA(random.edgeBiased()), size: size, alignment: alignment),
            ] {
                guard let found else { continue }
                #expect(a.contains(found) && alignment.isAligned(found.start.value) && found.size == size)
            }
        }
    }

    private func randomSet(_ random: inout SeededGenerator) -> IOVASet {
        IOVASet(
            (0..<Int.random(in: 0...5, using: &random)).map { _ in
                let (x, y) = (random.edgeBiased(), random.edgeBiased())
                return IOVARange(proven: min(x, y), max(x, y))
            })
    }

    @Test func fullSpaceHasNoSizeButExists() {
        #expect(IOVARange.full.size == nil)
        #expect(IOVARange.full.sizeMinusOne == .max)
        #expect(IOVASet.full.complement().isEmpty)
        #expect(IOVARange(start: IOVA(1), size: .max)?.last == IOVA(.max))
        #expect(IOVARange(start: IOVA(2), size: .max) == nil)
        #expect(IOVARange(start: IOVA(0), size: 0) == nil)
    }

    @Test func brokenInvariantsTrap() async {
        await #expect(processExitsWith: .failure) { _ = IOVARange(proven: 2, 1) }
    }
}
