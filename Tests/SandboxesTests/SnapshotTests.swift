// A domain that was taken out and put back goes on exactly as the first one; a snapshot that contradicts
// itself is refused, whatever is wrong with it, and never traps.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import TestSupport
import Testing

@Suite struct SnapshotTests {
    /// A domain with a history: hints, memo, magazines and depots in use.
    static func worn(
        seed: UInt64, release: KernelProfile, operations: Int = 4_000
    ) throws -> (IOVADomain, [(pfn: UInt64, size: UInt64)], SeededGenerator) {
        var random = SeededGenerator(seed: seed)
        var domain = IOVADomain(granule: .kib4, startPFN: 1, release: release)
        domain.checksInvariants = false
        var live: [(pfn: UInt64, size: UInt64)] = []
        for _ in 0..<operations { try step(&domain, &live, &random) }
        return (domain, live, random)
    }

    /// One random verb; what it answered.
    @discardableResult
    static func step(
        _ domain: inout IOVADomain, _ live: inout [(pfn: UInt64, size: UInt64)],
        _ random: inout SeededGenerator
    ) throws -> UInt64? {
        switch random.next() % 16 {
        case 0..<7:
            let size = UInt64(1) << (random.next() % 7)
            let limit: UInt64 = random.next() % 3 == 0 ? 0xf_ffff : 0xf_ffff_ffff
            let pfn = try domain.allocateFast(size: size, limit: limit, flushes: random.next() % 8 == 0)
            if let pfn { live.append((pfn, size)) }
            return pfn
        case 7..<14:
            guard !live.isEmpty else { return nil }
            let gone = live.remove(at: Int(random.next() % UInt64(live.count)))
            try domain.freeFast(gone.pfn, size: gone.size)
            return gone.pfn
        case 14:
            let lo = random.next() % 0x10_0000
            return try domain.reserve(lo, lo + random.next() % 64)?.lo
        default:
            domain.tick()
            return try domain.allocate(
                size: random.next() % 300 + 1, limit: 0x3fff + random.next() % 0x1000, isAligned: true)
        }
    }

    @Test(arguments: [KernelProfile.v6_1, .v7_2], [1, 2, 3] as [UInt64])
    func restoredDomainGoesOnAlike(release: KernelProfile, seed: UInt64) throws {
        var (first, live, random) = try Self.worn(seed: seed, release: release)
        let snapshot = first.snapshot
        #expect(snapshot.sizeClasses.contains { !$0.loaded.isEmpty }, "seed \(seed) parks nothing")
        var second = try IOVADomain(restoring: snapshot)
        second.checkInvariants()
        #expect(second.snapshot == snapshot)
        var liveToo = live
        var randomToo = random
        for index in 0..<1_000 {
            let left = try Self.step(&first, &live, &random)
            let right = try Self.step(&second, &liveToo, &randomToo)
            #expect(left == right, "seed \(seed), operation \(index)")
        }
        #expect(first.snapshot == second.snapshot)
    }

    @Test func depotsComeAlong() throws {
        var domain = IOVADomain(granule: .kib4, startPFN: 1)
        let pfns = try (0..<600).map { _ in
            try #require(try domain.allocateFast(size: 1, limit: 0xf_ffff, flushes: false))
        }
        for pfn in pfns { try domain.freeFast(pfn, size: 1) }
        #expect(domain.snapshot.sizeClasses[0].depot.count > 0)
        var restored = try IOVADomain(restoring: domain.snapshot)
        for _ in 0..<700 {
            #expect(
                try domain.allocateFast(size: 1, limit: 0xf_ffff, flushes: false)
                    == restored.allocateFast(size: 1, limit: 0xf_ffff, flushes: false))
        }
    }

    /// Each number of a snapshot, changed at random: refused or a sound domain, never a trap.
    @Test func changedSnapshotsAreRefusedOrSound() throws {
        let seed: UInt64 = 11
        let (domain, _, _) = try Self.worn(seed: seed, release: .v7_2, operations: 400)
        let sound = domain.snapshot
        var random = SeededGenerator(seed: seed)
        var refused = 0
        for round in 0..<3_000 {
            var snapshot = sound
            Self.change(&snapshot, &random)
            do {
                var restored = try IOVADomain(restoring: snapshot)
                restored.checkInvariants()
                for _ in 0..<20 {
                    _ = try restored.allocateFast(size: 4, limit: 0xf_ffff_ffff, flushes: true)
                    _ = try restored.free(random.next() >> (random.next() % 64) & 0xf_ffff_ffff)
                }
                restored.checkInvariants()
            } catch is IOVASnapshot.Fault {
                refused += 1
            } catch {
                Issue.record("seed \(seed), round \(round): \(error)")
            }
        }
        #expect(refused > 500, "only \(refused) of 3000 changes were noticed")
    }

    private static func change(_ snapshot: inout IOVASnapshot, _ random: inout SeededGenerator) {
        let odd = [0, 1, UInt64.max, UInt64.max - 1, 0x10_0000, random.next()][Int(random.next() % 6)]
        let index = Int(random.next() % UInt64(snapshot.ranges.count))
        switch random.next() % 9 {
        case 0: snapshot.ranges[index].lo = odd
        case 1: snapshot.ranges[index].hi = odd
        case 2: snapshot.ranges.remove(at: index)
        case 3: snapshot.ranges.insert(snapshot.ranges[index], at: index)
        case 4: snapshot.hint32 = odd
        case 5: snapshot.hint64 = odd
        case 6: snapshot.memo = odd
        case 7: snapshot.sizeClasses[Int(random.next() % 6)].loaded.append(odd)
        default:
            snapshot.sizeClasses[Int(random.next() % 6)].depot.append(
                Array(repeating: odd, count: Int(random.next() % 2) * 127))
        }
    }
}
