// The group's list against the kernel's own walk, written down literally: every insertion rebuilds the
// whole list. Exhaustive over short sequences in a small space, odd lengths and wraps included.

import AddressSpaces
import Machines
import TestSupport
import Testing

@Suite struct GroupRegionListTests {
    /// The walk as C.5 words it.
    static func literal(_ regions: [ReservedRegion]) -> [ReservedRegion] {
        var list: [ReservedRegion] = []
        for new in regions {
            let place = list.firstIndex {
                new.start < $0.start || (new.start == $0.start && new.kind.rawValue <= $0.kind.rawValue)
            }
            list.insert(new, at: place ?? list.count)
            var kept: [ReservedRegion] = []
            for element in list {
                guard element.kind == new.kind, let top = kept.lastIndex(where: { $0.kind == new.kind }),
                    element.start <= kept[top].wrappingLast &+ 1
                else {
                    kept.append(element)
                    continue
                }
                kept[top].length =
                    max(kept[top].wrappingLast, element.wrappingLast) &- kept[top].start &+ 1
            }
            list = kept
        }
        return list
    }

    static func region(_ start: UInt64, _ length: UInt64, _ kind: ReservedRegion.Kind) -> ReservedRegion {
        ReservedRegion(kind: kind, start: start, length: length, provenance: .driver)
    }

    @Test func equalsTheLiteralWalkOverASmallSpace() {
        let starts: [UInt64] = [0, 1, 2, 4, .max - 1, .max]
        let lengths: [UInt64] = [0, 1, 2, 3, .max]
        let all = starts.flatMap { start in
            lengths.flatMap { length in
                [ReservedRegion.Kind.direct, .reserved].map { Self.region(start, length, $0) }
            }
        }
        for a in all {
            for b in all {
                for c in all where c.kind == .direct || a.kind == b.kind {
                    #expect(GroupRegionList(inserting: [a, b, c]).regions == Self.literal([a, b, c]))
                }
            }
        }
    }

    @Test func equalsTheLiteralWalkAtRandom() {
        var random = SeededGenerator.forTest("group list", fallback: 0x9e37)
        for round in 0..<4_000 {
            let isOdd = round.isMultiple(of: 2)
            let regions = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                Self.region(
                    isOdd ? random.edgeBiased() : UInt64.random(in: 0...40, using: &random),
                    isOdd ? random.edgeBiased() : UInt64.random(in: 1...9, using: &random),
                    ReservedRegion.Kind.allCases.randomElement(using: &random)!)
            }
            #expect(GroupRegionList(inserting: regions).regions == Self.literal(regions), "\(regions)")
        }
    }

    @Test func theFileIsCutAtAPage() {
        let regions = (0..<200).map { Self.region(UInt64($0) << 20, 0x1000, .reserved) }
        let list = GroupRegionList(inserting: regions)
        #expect(list.sysfsText().utf8.count == 4_095)
        #expect(list.sysfsText(pageBytes: 65_536).split(separator: "\n").count == 200)
        #expect(list.sysfsText(pageBytes: 65_536).hasPrefix(list.sysfsText()))
    }

    @Test func manyRegionsTakeLittleTime() {
        let regions = (0..<65_536).map { Self.region(UInt64($0 &* 40_503 % 65_536) << 20, 1, .reserved) }
        #expect(GroupRegionList(inserting: regions).regions.count == 65_536)
    }

    @Test func protections() {
        #expect(Self.region(0, 1, .msi).protection == [.write, .noExecute, .mmio])
        #expect(Self.region(0, 1, .direct).protection == [.read, .write])
        #expect(Self.region(.max, 1, .direct).isOdd && Self.region(5, 0, .direct).wrappingLast == 4)
        #expect(Self.region(.max, 1, .direct).range?.text == "0xffffffffffffffff...0xffffffffffffffff")
        #expect(Self.region(.max, 2, .direct).range == nil)
    }
}
