// The search for constants against a search over every base and every pair.

import AddressSpaces
import Fleet
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct SurveyConstantsTests {
    private static let mebibyte: UInt64 = 0x10_0000

    /// A device that withholds a few stretches of the space below 4 GiB.
    private func device(_ generator: inout SeededGenerator) -> Device {
        let regions = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
            let start = UInt64.random(in: 0..<4_000, using: &generator) * Self.mebibyte
            let length = UInt64.random(in: 1...0x2000_0000, using: &generator)
            return ReservedRegion(
                kind: Bool.random(using: &generator) ? .reserved : .directRelaxable, start: start,
                length: length, provenance: .caller("test"))
        }
        return Device(id: "d", kind: .group, firmwareRegions: regions)
    }

    @Test func groupsAndPairsAreTheBest() throws {
        var generator = SeededGenerator.forTest("groupsAndPairsAreTheBest", fallback: 43)
        for _ in 0..<12 {
            var survey = Survey()
            var free: [IOVASet] = []
            for index in 0..<Int.random(in: 1...9, using: &generator) {
                let device = device(&generator)
                survey.add(host: "h\(index)", device, usable: nil)
                free.append(PreparedDevice(device, under: Conditions()).withheld.freeForWindow)
            }
            let found = survey.constants()
            // Failing devices of every base, as bits.
            let fails = (1..<4_096).map { place -> UInt64 in
                let window = IOVARange(
                    proven: UInt64(place) * Self.mebibyte, UInt64(place + 1) * Self.mebibyte - 1)
                return free.indices.reduce(0) { free[$1].contains(window) ? $0 : $0 | 1 << UInt64($1) }
            }
            #expect(found.groupCount == Set(fails).count)
            #expect(found.groups.reduce(0) { $0 + $1.count } == fails.count)
            for (place, failing) in fails.enumerated() {
                let base = UInt64(place + 1) * Self.mebibyte
                let group = try #require(
                    found.groups.first { $0.contains(base: base, size: Self.mebibyte) })
                #expect(group.unfit == failing.nonzeroBitCount)
            }
            #expect(found.groups.map(\.unfit) == found.groups.map(\.unfit).sorted())
            let sets = Array(Set(fails))
            var best = Int.max
            for first in sets {
                for second in sets where second != first {
                    best = min(best, (first & second).nonzeroBitCount)
                }
            }
            if let pair = found.pairs.first { #expect(pair.unfit == best) }
            let own = fails[0x800_0000 / Int(Self.mebibyte) - 1]
            let partner = sets.filter { $0 != own }.map { ($0 & own).nonzeroBitCount }.min()
            #expect(found.partnerOfDefault?.unfit == partner)
        }
    }

    /// More kinds of devices than are kept one by one: groups are the same, and pairs are the best of those
    /// with a base of the coarser grid.
    @Test func sumsFindTheSameGroups() throws {
        var generator = SeededGenerator.forTest("sumsFindTheSameGroups", fallback: 44)
        var survey = Survey()
        var free: [IOVASet] = []
        for index in 0..<4_400 {
            var device = device(&generator)
            let number = UInt64(index) * 3 % 4_095 + 1
            device.firmwareRegions.append(
                ReservedRegion(
                    kind: .reserved, start: number * Self.mebibyte, length: Self.mebibyte,
                    provenance: .caller("test")))
            survey.add(host: "h\(index)", device, usable: nil)
            free.append(PreparedDevice(device, under: Conditions()).withheld.freeForWindow)
        }
        let found = survey.constants()
        #expect(found.pairStep == 16 * Self.mebibyte)
        let none = [UInt64](repeating: 0, count: (free.count + 63) / 64)
        var fails = [[UInt64]](repeating: none, count: 4_096)
        for (index, set) in free.enumerated() {
            for gap in set.complement().ranges {
                let last = min(gap.last.value / Self.mebibyte, 4_095)
                guard gap.start.value / Self.mebibyte <= last else { continue }
                for place in max(gap.start.value / Self.mebibyte, 1)...max(last, 1) where last > 0 {
                    fails[Int(place)][index / 64] |= 1 << UInt64(index % 64)
                }
            }
        }
        func count(_ bits: [UInt64]) -> Int { bits.reduce(0) { $0 + $1.nonzeroBitCount } }
        #expect(found.groupCount == Set(fails[1...]).count)
        for group in found.groups {
            let place = Int(group.lowest / Self.mebibyte)
            #expect(group.unfit == count(fails[place]) && group.failingHosts.count == group.unfit)
        }
        let own = fails[0x80]
        let listed = Set(found.groups.map { fails[Int($0.lowest / Self.mebibyte)] })
        let grid = stride(from: 16, to: 4_096, by: 16).map { fails[$0] }.filter { listed.contains($0) }
        func shared(_ one: [UInt64], _ other: [UInt64]) -> Int { count(zip(one, other).map { $0 & $1 }) }
        #expect(found.partnerOfDefault?.unfit == grid.filter { $0 != own }.map { shared($0, own) }.min())
        var best = Int.max
        for (index, one) in grid.enumerated() {
            for other in grid[..<index] where other != one { best = min(best, shared(one, other)) }
        }
        #expect(found.pairs.first?.unfit == best)
    }

    @Test func guestsLeaveWhatTheSpecificationLists() {
        let survey = Survey()
        let places = Candidates(in: survey.constants().guestFree, WindowDemand(is32BitOnly: true))
        #expect(
            places.ranges.map(\.text) == [
                "0x100000...0x1ffffff", "0x3000000...0x8ffffff", "0x9100000...0xbffffff",
                "0xe000000...0xfffffff", "0x3f000000...0x3fffffff",
            ])
    }
}
