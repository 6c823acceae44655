// A copy of an IOVA domain is a domain of its own. Optimised code once wrote through Array.mutableSpan into
// storage that two copies shared, so run this with `swift test -c release` after a change of compiler, too.

import AddressSpaces
import IOVAAllocation
import Testing

@Suite struct DomainCopyTests {
    private func text(_ domain: IOVADomain) -> [String] { domain.heldRanges.map { "\($0.lo)-\($0.hi)" } }

    private func expectIndependence(
        _ what: String, _ change: (inout IOVADomain) throws(IOVAInputError) -> Void
    ) throws {
        var original = IOVADomain(granule: .kib4, startPFN: 1)
        for place in 0..<6 { _ = try original.reserve(UInt64(10 * place), UInt64(10 * place + 1)) }
        let before = text(original)
        var copy = original
        try change(&copy)
        #expect(text(original) == before, "\(what)")
        #expect(text(copy) != before, "\(what)")
    }

    @Test func copiesAreIndependent() throws {
        try expectIndependence("free") { domain throws(IOVAInputError) in _ = try domain.free(20) }
        try expectIndependence("reserve") { domain throws(IOVAInputError) in _ = try domain.reserve(25, 26) }
        try expectIndependence("growth") { domain throws(IOVAInputError) in _ = try domain.reserve(0, 100) }
        try expectIndependence("allocate") { domain throws(IOVAInputError) in
            _ = try domain.allocate(size: 1, limit: 45, isAligned: true)
        }
        try expectIndependence("flush") { domain throws(IOVAInputError) in
            try domain.freeFast(20, size: 2)
            _ = try domain.allocateFast(size: 60, limit: 100, flushes: true)
        }
    }
}
