// The list of usable ranges against the kernel's loops, written down literally.

import AddressSpaces
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct VFIOIOVAListTests {
    static func literal(_ ranges: [IOVARange], excluding regions: [ReservedRegion]) -> [IOVARange] {
        var ranges = ranges
        for region in regions where region.kind != .directRelaxable {
            let start = region.start
            let last = region.wrappingLast
            ranges = ranges.flatMap { node -> [IOVARange] in
                guard start <= node.last.value, last >= node.start.value else { return [node] }
                var rest: [IOVARange] = []
                if start > node.start.value { rest.append(IOVARange(proven: node.start.value, start - 1)) }
                if last < node.last.value { rest.append(IOVARange(proven: last + 1, node.last.value)) }
                return rest
            }
        }
        return ranges
    }

    @Test func excludesAsTheKernelDoes() {
        var random = SeededGenerator.forTest("vfio list", fallback: 0x10fa)
        for round in 0..<6_000 {
            let isSmall = round.isMultiple(of: 2)
            let regions = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                ReservedRegion(
                    kind: ReservedRegion.Kind.allCases.randomElement(using: &random)!,
                    start: isSmall ? UInt64.random(in: 0...30, using: &random) : random.edgeBiased(),
                    length: isSmall ? UInt64.random(in: 0...6, using: &random) : random.edgeBiased(),
                    provenance: .driver)
            }
            let group = GroupRegionList(inserting: regions)
            let aperture =
                isSmall
                ? IOVARange(proven: 2, 25) : [IOVARange.full, IOVARange(proven: 0, 1 << 47)][round / 2 % 2]
            #expect(
                group.vfioRanges(aperture: aperture)
                    == Self.literal([aperture], excluding: group.regions), "\(regions)")
        }
    }

    @Test func resizesWithItsQuirks() {
        func resized(_ nodes: [(UInt64, UInt64)], _ start: UInt64, _ end: UInt64) -> [String] {
            // A list of nodes is what an aperture without the gaps between them leaves.
            var list = VFIOIOVAList()
            list.resize(to: IOVARange(proven: nodes[0].0, nodes.last!.1))
            let gaps = zip(nodes, nodes.dropFirst()).map { left, right in
                ReservedRegion(
                    kind: .reserved, start: left.1 + 1, length: right.0 - left.1 - 1, provenance: .driver)
            }
            list.exclude(GroupRegionList(inserting: gaps))
            list.resize(to: IOVARange(proven: start, end))
            return list.ranges.map { "\($0.start.value)-\($0.last.value)" }
        }
        #expect(resized([(0, 9), (20, 29), (40, 49)], 5, 44) == ["5-9", "20-29", "40-44"])
        #expect(resized([(0, 9), (20, 29), (40, 49)], 15, 100) == ["20-29", "40-49"])
        // One byte at the start, and a node that begins at the end, are dropped.
        #expect(resized([(0, 9), (20, 29)], 9, 100) == ["20-29"])
        #expect(resized([(0, 9), (20, 29)], 0, 20) == ["0-9"])
        #expect(resized([(0, 9)], 0, 9) == ["0-9"])
    }
}
