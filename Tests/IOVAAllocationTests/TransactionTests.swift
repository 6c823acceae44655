// Batches that fail and previews leave no trace: whatever is asked afterwards is answered as by a domain on
// which they never ran.

import AddressSpaces
import LinuxReleases
import TestSupport
import Testing

@testable import IOVAAllocation

@Suite struct TransactionTests {
    private struct Abandoned: Error {}

    /// One random verb, over few pages so that ranges meet.
    private enum Verb {
        case allocate(UInt64, UInt64, Bool)
        case allocateFast(UInt64, UInt64, Bool)
        case reserve(UInt64, UInt64)
        case free(UInt64)
        case freeFast(Int)
        case tick
    }

    private static func random(_ generator: inout SeededGenerator) -> Verb {
        let limit = UInt64.random(in: 0..<400, using: &generator)
        let size = UInt64.random(in: 1...40, using: &generator)
        switch Int.random(in: 0..<11, using: &generator) {
        case 0, 1, 2: return .allocate(size, limit, Bool.random(using: &generator))
        case 3, 4, 5: return .allocateFast(min(size, 4), limit, Bool.random(using: &generator))
        case 6: return .reserve(limit, limit + size)
        case 7, 8: return .free(limit)
        case 9: return .freeFast(Int.random(in: 0..<64, using: &generator))
        default: return .tick
        }
    }

    /// A domain with the ranges that its cached level handed out.
    private struct Caller {
        var domain: IOVADomain
        var given: [(pfn: UInt64, size: UInt64)] = []

        mutating func run(_ verb: Verb) -> String {
            switch verb {
            case .allocate(let size, let limit, let isAligned):
                return "\(try! domain.allocate(size: size, limit: limit, isAligned: isAligned) as Any)"
            case .allocateFast(let size, let limit, let flushes):
                let pfn = try! domain.allocateFast(size: size, limit: limit, flushes: flushes)
                if let pfn { given.append((pfn, size)) }
                return "\(pfn as Any)"
            case .reserve(let lo, let hi): return "\(try! domain.reserve(lo, hi) as Any)"
            case .free(let pfn): return "\(try! domain.free(pfn) as Any)"
            case .freeFast(let index):
                guard !given.isEmpty else { return "none" }
                let (pfn, size) = given.remove(at: index % given.count)
                try! domain.freeFast(pfn, size: size)
                return "parked \(pfn)"
            case .tick:
                domain.tick()
                return "tick"
            }
        }
    }

    @Test(arguments: [KernelProfile.v6_1, .v7_2])
    func abandonedWorkLeavesNoTrace(release: KernelProfile) {
        var generator = SeededGenerator.forTest("transactions", fallback: 0x7a)
        for _ in 0..<60 {
            // 4 GiB lies at page frame 256, so that both classes and the memo take part.
            let domain = IOVADomain(
                granule: Granule(bytes: 1 << 24)!, startPFN: 1, release: release, onlineCPUs: 1)
            var touched = Caller(domain: domain)
            touched.domain.checksInvariants = true
            var plain = Caller(domain: domain)
            for _ in 0..<40 {
                let abandoned = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                    Self.random(&generator)
                }
                let given = touched.given
                if Bool.random(using: &generator) {
                    try? touched.domain.transaction { (domain) throws(Abandoned) in
                        var caller = Caller(domain: domain, given: given)
                        for verb in abandoned { _ = caller.run(verb) }
                        domain = caller.domain
                        throw Abandoned()
                    }
                } else {
                    touched.domain.preview { domain in
                        var caller = Caller(domain: domain, given: given)
                        for verb in abandoned { _ = caller.run(verb) }
                        domain = caller.domain
                    }
                }
                for _ in 0..<6 {
                    let verb = Self.random(&generator)
                    let expected = plain.run(verb)
                    #expect(touched.run(verb) == expected)
                }
                #expect(Array(touched.domain.heldRanges) == Array(plain.domain.heldRanges))
                #expect(touched.domain.parkedPFNs == plain.domain.parkedPFNs)
            }
        }
    }

    @Test func aCommittedTransactionIsKept() throws {
        var domain = IOVADomain(granule: .kib4, startPFN: 1)
        let pfn = try domain.transaction { domain throws(IOVAInputError) in
            _ = try domain.allocate(size: 1, limit: 0xfffff, isAligned: true)
            return try domain.allocate(size: 4, limit: 0xfffff, isAligned: true)
        }
        #expect(pfn == 0xffff8)
        #expect(domain.heldCount == 2)
    }
}

extension IOVADomain {
    /// Runs `body`; when it throws, everything that it did is undone.
    fileprivate mutating func transaction<T, E: Error>(
        _ body: (inout IOVADomain) throws(E) -> T
    ) throws(E) -> T {
        let before = beginTransaction()
        do {
            let result = try body(&self)
            commitTransaction()
            return result
        } catch {
            rollBack(to: before)
            throw error
        }
    }
}
