// Names in traces: what a free names, and when it names no allocation.

import IOVAAllocation
import Testing

@Suite struct TraceMistakeTests {
    private let one = TraceOperation.allocate(size: 1, limit: 0xfffff, isAligned: true, name: 0)

    private func mistake(_ operations: [TraceOperation]) -> TraceMistake? {
        var trace = AllocatorTrace()
        trace.operations = operations
        trace.nameCount = 2
        var domain = trace.domain(IOVADomain.self)
        do {
            _ = try trace.run(on: &domain)
            return nil
        } catch {
            return error
        }
    }

    private func allocation(_ size: UInt64, _ limit: UInt64, _ name: Int32) -> TraceOperation {
        .allocate(size: size, limit: limit, isAligned: true, name: name)
    }

    @Test func namesAreHeldToTheirMeaning() {
        #expect(mistake([one, .free(0)]) == nil)
        #expect(mistake([.free(0)]) == TraceMistake(operation: 0, reason: .unknownName))
        #expect(mistake([one, .freeFast(1)]) == TraceMistake(operation: 1, reason: .unknownName))
        #expect(mistake([one, one]) == TraceMistake(operation: 1, reason: .nameUsedTwice(operation: 0)))
        #expect(
            mistake([one, .free(0), one]) == TraceMistake(operation: 2, reason: .nameUsedTwice(operation: 0)))
        #expect(
            mistake([one, .free(0), .free(0)])
                == TraceMistake(operation: 2, reason: .freedTwice(operation: 1)))
    }

    @Test func aFailedAllocationNamesNothing() {
        let fails = allocation(8, 3, 0)
        #expect(mistake([fails, .free(0)]) == TraceMistake(operation: 1, reason: .failedName(operation: 0)))
        // Nor does it use the name up.
        #expect(mistake([fails, .freePFN(0x900), one, .free(0)]) == nil)
    }

    @Test func eitherFreeTakesWhatFitsItsClass() {
        let fast = TraceOperation.allocateFast(size: 3, limit: 0xfffff, flushes: true, name: 1)
        #expect(mistake([fast, .free(1)]) == nil)
        #expect(mistake([fast, .freeFast(1)]) == nil)
        for size: UInt64 in [1, 2, 16, 32, 33, 100] {
            #expect(mistake([allocation(size, 0xfffff, 0), .freeFast(0)]) == nil, "\(size)")
        }
        for (size, classPages): (UInt64, UInt64) in [(3, 4), (5, 8), (17, 32), (31, 32)] {
            #expect(
                mistake([allocation(size, 0xfffff, 0), .freeFast(0)])
                    == TraceMistake(
                        operation: 1, reason: .smallerThanItsClass(pages: size, classPages: classPages)))
        }
    }

    @Test func inputErrorsNameTheirOperation() {
        #expect(
            mistake([one, .freePFN(.max)]) == TraceMistake(operation: 1, reason: .input(.freesSentinel)))
        #expect(
            mistake([one, .tick, .reserve(lo: 2, hi: 1)])
                == TraceMistake(operation: 2, reason: .input(.reversedRange(lo: 2, hi: 1))))
    }

    @Test func explainingChangesNothing() throws {
        var trace = AllocatorTrace()
        trace.operations = [
            .reserve(lo: 0x8000, hi: 0x80ff), one,
            .allocateFast(size: 3, limit: 0xfffff, flushes: true, name: 1), .freeFast(1), .free(0), .tick,
        ]
        trace.nameCount = 2
        var plain = trace.domain(IOVADomain.self)
        let results = try trace.run(on: &plain)
        for index in trace.operations.indices {
            var domain = trace.domain(ExplainingDomain.self)
            #expect(try trace.run(on: &domain, explaining: index, stepsMax: 100) == results)
            #expect(domain.heldRanges.elementsEqual(plain.heldRanges))
            #expect(domain.recorder.steps.isEmpty == (index == 5), "\(index): \(domain.recorder.steps)")
        }
    }
}
