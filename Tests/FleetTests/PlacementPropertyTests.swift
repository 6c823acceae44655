// What holds for every placement: brute force on small universes, order of hosts, growth of the pool.

import AddressSpaces
import Fleet
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct PlacementPropertyTests {
    /// A universe of 48 MiB around the default, in steps of 256 KiB.
    private static let unit: UInt64 = 0x4_0000
    private static let origin: UInt64 = 0x700_0000
    private static let units = 192

    private typealias Hosts = [(name: String, facts: HostFacts)]

    private func range(_ generator: inout SeededGenerator, longest: Int) -> IOVARange {
        let start = Int.random(in: 0..<Self.units, using: &generator)
        let length = Int.random(in: 1...longest, using: &generator)
        let base = Self.origin + UInt64(start) * Self.unit
        return IOVARange(proven: base, base + UInt64(length) * Self.unit - 1)
    }

    private func facts(_ generator: inout SeededGenerator) -> HostFacts {
        let kinds: [ReservedRegion.Kind] = [.reserved, .reserved, .msi, .directRelaxable, .softwareMSI]
        let regions = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
            let range = range(&generator, longest: 24)
            return ReservedRegion(
                kind: kinds.randomElement(using: &generator)!, start: range.start.value,
                length: range.size!, provenance: .caller("test"))
        }
        let aperture = IOVARange(proven: 0, Self.origin + UInt64(Self.units) * Self.unit - 1)
        return HostFacts(regions: regions, ranges: nil, aperture: aperture)
    }

    private func guest(_ generator: inout SeededGenerator) -> GuestDemand {
        let kinds = GuestDemand.MapEntry.Kind.allCases
        let entries = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            GuestDemand.MapEntry(
                range: range(&generator, longest: 16), kind: kinds.randomElement(using: &generator)!)
        }
        return GuestDemand(map: entries, peerToPeer: Bool.random(using: &generator))
    }

    private func demand(_ generator: inout SeededGenerator) -> WindowDemand {
        WindowDemand(
            size: UInt64.random(in: 1...12, using: &generator) * Self.unit,
            alignment: Granule(bytes: Self.unit << UInt64.random(in: 0...4, using: &generator)),
            pageSize: .kib64)
    }

    private func decide(_ hosts: Hosts, _ guest: GuestDemand, _ demand: WindowDemand) -> Placement {
        // Every host with facts of its own.
        let named = hosts.enumerated().map { PlacementQuestion.Host(name: $1.name, facts: $0) }
        return Placement.decide(
            PlacementQuestion(hosts: named, facts: hosts.map(\.facts), guest: guest, window: demand),
            checkpoint: {})
    }

    /// Every aligned base of the universe at which the window fits, tried one by one.
    private func bases(_ hosts: Hosts, _ guest: GuestDemand, _ demand: WindowDemand) -> [UInt64] {
        let end = Self.origin + UInt64(Self.units) * Self.unit
        return stride(from: demand.alignment.bytes, to: end, by: Int(demand.alignment.bytes)).filter { base in
            let window = IOVARange(proven: base, base + demand.size - 1)
            return base >= 0x10_0000 && window.last.value < end
                && !guest.occupied.contains { $0.range.overlaps(window) }
                && hosts.allSatisfy { host in
                    !host.facts.obstacles.contains {
                        $0.kind != .outsideAperture && $0.range.overlaps(window)
                    }
                }
        }
    }

    @Test func bruteForceAgrees() {
        var generator = SeededGenerator.forTest("bruteForceAgrees", fallback: 41)
        var verdicts: [Placement.Verdict: Int] = [:]
        for _ in 0..<600 {
            let hosts = (0..<Int.random(in: 1...3, using: &generator)).map {
                (name: "h\($0)", facts: facts(&generator))
            }
            let guest = guest(&generator)
            let demand = demand(&generator)
            let placement = decide(hosts, guest, demand)
            verdicts[placement.verdict, default: 0] += 1
            if placement.verdict == .ramUnmappable {
                #expect(placement.candidates.isEmpty)
                continue
            }
            let bases = bases(hosts, guest, demand)
            let found = stride(
                from: demand.alignment.bytes, to: 0x1000_0000, by: Int(demand.alignment.bytes)
            ).filter { placement.candidates.contains(base: $0) }
            #expect(found == bases)
            #expect(placement.picks.lowest == bases.first)
            #expect(placement.picks.highestBelow4G == bases.last)
            let nearest = bases.min { left, right in
                func distance(_ base: UInt64) -> UInt64 {
                    base > 0x800_0000 ? base - 0x800_0000 : 0x800_0000 - base
                }
                return (distance(left), right) < (distance(right), left)
            }
            #expect(placement.picks.nearestDefault == nearest)
            #expect(placement.defaultWorks == bases.contains(0x800_0000))
        }
        // The walk must have seen all of these, or it proves little.
        for verdict in [Placement.Verdict.defaultWorks, .movable, .none, .ramUnmappable] {
            #expect(verdicts[verdict, default: 0] > 10, "\(verdict)")
        }
    }

    @Test func poolsOnlyShrinkAndHaveNoOrder() {
        var generator = SeededGenerator.forTest("poolsOnlyShrinkAndHaveNoOrder", fallback: 42)
        for _ in 0..<200 {
            let hosts = (0..<4).map { (name: "h\($0)", facts: facts(&generator)) }
            let guest = guest(&generator)
            let demand = demand(&generator)
            var last = decide([hosts[0]], guest, demand)
            for count in 2...4 {
                let grown = decide(Array(hosts.prefix(count)), guest, demand)
                let before = IOVASet(last.candidates.ranges)
                #expect(grown.candidates.ranges.allSatisfy { before.contains($0) })
                for base in [grown.picks.nearestDefault, grown.picks.lowest, grown.picks.highestBelow4G] {
                    if let base { #expect(grown.candidates.contains(base: base)) }
                }
                last = grown
            }
            let shuffled = decide(hosts.shuffled(using: &generator), guest, demand)
            #expect(shuffled.candidates == last.candidates && shuffled.picks == last.picks)
            #expect(shuffled.verdict == last.verdict && shuffled.unmappable == last.unmappable)
            let mine = Dictionary(uniqueKeysWithValues: last.hosts.map { ($0.host, $0.chosen) })
            for host in shuffled.hosts { #expect(mine[host.host] == host.chosen) }
        }
    }

    @Test func directRegionsRefuseEverything() {
        let direct = ReservedRegion(
            kind: .direct, start: 0x2000_0000, length: 0x1000, provenance: .caller("RMR"))
        let aperture = IOVARange(proven: 0, 0xffff_ffff)
        let facts = HostFacts(regions: [direct], ranges: nil, aperture: aperture)
        let placement = decide([("h", facts)], GuestDemand(map: []), WindowDemand())
        #expect(placement.verdict == .none && placement.candidates.isEmpty && !placement.defaultWorks)
        #expect(placement.warnings.contains { $0.code == .directRegion && $0.severity == .fatal })
        #expect(placement.hosts[0].chosen == nil)
    }

    /// VFIO's ranges leave the default window out; it comes back only where it explains the hole.
    @Test func theDefaultHoleIsAddedBack() {
        func works(_ regions: [ReservedRegion]?, _ holes: [(UInt64, UInt64)]) -> Bool {
            let full = IOVARange(proven: 0, 0xffff_ffff_ffff)
            let ranges = IOVASet(holes.map { IOVARange(proven: $0.0, $0.1) }).complement(within: full).ranges
            let facts = HostFacts(regions: regions, ranges: ranges, aperture: full)
            return decide([("h", facts)], GuestDemand(map: []), WindowDemand()).defaultWorks
        }
        func reserved(_ start: UInt64, _ length: UInt64, _ kind: ReservedRegion.Kind) -> ReservedRegion {
            ReservedRegion(kind: kind, start: start, length: length, provenance: .caller("t"))
        }
        let software = reserved(0x800_0000, 0x10_0000, .msi)
        #expect(works(nil, [(0x800_0000, 0x80f_ffff)]))
        #expect(!works(nil, [(0x800_0000, 0x8ff_ffff)]))
        // Firmware's region beside the window is told apart when the lines are known.
        #expect(works([software, reserved(0x810_0000, 0xf0_0000, .reserved)], [(0x800_0000, 0x8ff_ffff)]))
        #expect(!works([software, reserved(0x800_0000, 0x100_0000, .reserved)], [(0x800_0000, 0x8ff_ffff)]))
        // Beyond the end of the aperture there is no hole to add back.
        #expect(!works([software], [(0x800_0000, 0xffff_ffff_ffff)]))
    }

    /// Facts that are one object are worked out once, and answer as equal ones that are two.
    @Test func hostsOfOneKindAnswerAsEachByItself() {
        for seed in 0..<40 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let first = facts(&generator)
            let others: Hosts = (0..<3).map { ("h\($0)", facts(&generator)) }
            var again = SeededGenerator(seed: seed)
            let second = facts(&again)
            #expect(first == second && first !== second)
            let guest = guest(&generator)
            let demand = demand(&generator)
            let joined = decide(others + [("a", first), ("b", first)], guest, demand)
            var apart = decide(others + [("a", first), ("b", second)], guest, demand)
            #expect(joined.hosts[4].kind == joined.hosts[3].kind)
            #expect(apart.hosts[4].kind != apart.hosts[3].kind)
            apart.hosts[4].kind = apart.hosts[3].kind
            #expect(joined == apart)
        }
    }
}
