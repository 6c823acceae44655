// Slots that freed ranges leave vacant, over many leaves of the tree: freed in every order and taken again,
// taken in part, grown over by reservations, put back by previews, beside copies. The walk in Swift says what
// Linux would have done; the invariants say whether the vacant slots are where they may be.

import AddressSpaces
import LinearWalk
import LinuxReleases
import TestSupport
import Testing

@testable import IOVAAllocation

@Suite struct VacantSlotTests {
    private enum Order: CaseIterable {
        case descending, ascending, newest, random
    }

    /// Which of `count` allocations is freed in step `step`.
    private func index(_ order: Order, _ step: Int, _ count: Int, _ random: inout SeededGenerator) -> Int {
        switch order {
        case .descending: step % count
        case .ascending: count - 1 - step % count
        case .newest: count - 1
        case .random: Int.random(in: 0..<count, using: &random)
        }
    }

    private func agree(_ call: TwinDomain.Call, _ twins: inout TwinDomain) throws -> TwinDomain.Outcome {
        let outcome = twins.make(call)
        #expect(outcome.agreed != nil, "\(call): product \(outcome.product), reference \(outcome.reference)")
        return try #require(outcome.agreed)
    }

    private func churn(_ order: Order, isMixed: Bool) throws {
        var random = SeededGenerator.forTest("vacant slots", fallback: 0x7ac)
        var twins = TwinDomain(
            granule: .kib4, startPFN: 1, release: .newest, onlineCPUs: 1, checked: false)
        let limit: UInt64 = 0x1_0000
        var given: [UInt64] = []
        func pages(_ random: inout SeededGenerator) -> UInt64 {
            isMixed ? UInt64.random(in: 1...5, using: &random) : 1
        }
        func take(_ twins: inout TwinDomain, _ random: inout SeededGenerator) throws -> UInt64 {
            let isAligned = !isMixed || Bool.random(using: &random)
            let call = TwinDomain.Call.allocate(size: pages(&random), limit: limit, isAligned: isAligned)
            return try #require(try agree(call, &twins).pfn)
        }
        for _ in 0..<400 { given.append(try take(&twins, &random)) }
        for step in 0..<100 {
            // Some at once, so that vacant slots stand side by side and leaves thin out.
            let group = step % 3 == 0 ? 1 : Int.random(in: 1...30, using: &random)
            let slots = (0..<group).map { index(order, step + $0, given.count, &random) }
            for slot in Set(slots) { _ = try agree(.free(given[slot]), &twins) }
            twins.product.checkInvariants()
            if step % 5 == 0 { try preview(&twins, limit, &random) }
            if isMixed, step % 10 == 0 {
                let lo = UInt64.random(in: limit - 1_500...limit, using: &random)
                _ = try agree(.reserve(lo, lo + UInt64.random(in: 0...9, using: &random)), &twins)
            }
            for slot in Set(slots) { given[slot] = try take(&twins, &random) }
            twins.product.checkInvariants()
        }
        #expect(twins.holdsTheSame)
    }

    /// What is tried leaves nothing behind.
    private func preview(
        _ twins: inout TwinDomain, _ limit: UInt64, _ random: inout SeededGenerator
    ) throws {
        let victims = Array(twins.product.heldRanges).shuffled(using: &random).prefix(40)
        try twins.product.preview { domain in
            for (index, victim) in victims.enumerated() {
                _ = try domain.free(victim.lo)
                if index % 2 == 0 { _ = try domain.allocate(size: 2, limit: limit, isAligned: false) }
                if index % 5 == 0 { _ = try domain.reserve(victim.lo, victim.hi + 2) }
                if index % 10 == 0 { domain.checkInvariants() }
            }
        }
        #expect(twins.holdsTheSame)
    }

    @Test(arguments: Order.allCases, [false, true])
    private func freesInEveryOrderAgreeWithTheWalk(_ order: Order, isMixed: Bool) throws {
        try churn(order, isMixed: isMixed)
    }

    /// Optimised code must not write into storage that a copy shares.
    @Test func aCopyKeepsItsRanges() throws {
        var domain = IOVADomain(granule: .kib4, startPFN: 1)
        for _ in 0..<200 { _ = try domain.allocate(size: 1, limit: 0xffff, isAligned: true) }
        let kept = domain
        let before = Array(kept.heldRanges)
        for pfn in stride(from: UInt64(0xffff), to: 0xffff - 200, by: -1) {
            try domain.free(pfn)
            #expect(Array(kept.heldRanges) == before)
            _ = try domain.allocate(size: 1, limit: 0xffff, isAligned: true)
        }
        try domain.free(0xff80)
        #expect(Array(kept.heldRanges) == before)
        #expect(Array(domain.heldRanges) == before.filter { $0.lo != 0xff80 })
    }
}
