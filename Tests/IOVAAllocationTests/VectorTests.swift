// Every vector of the shelf, on the product and on the reference: the reference is what the random tests
// hold the product against, so it has to earn that.

import API
import IOVAAllocation
import JSON
import LinearWalk
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct VectorTests {
    static let folder = "data/allocator-vectors"
    static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter { $0.hasSuffix(".json") }
    }
    static var listed: [String] { names.filter { !$0.hasPrefix("p-digest") } }
    static var digests: [String] { names.filter { $0.hasPrefix("p-digest") } }

    private func root(_ name: String) throws -> JSONNode {
        try JSONDocument(
            parsing: SharedShelf.bytes("\(Self.folder)/\(name)"),
            limits: JSONLimits(bytesMax: 64 << 20, depthMax: 32, valuesMax: 10_000_000)
        ).root
    }

    private func check<Allocator: IOVAAllocator>(_ vector: ReplayVector, on type: Allocator.Type) throws {
        var domain = vector.trace.domain(type)
        let results = try vector.trace.run(on: &domain)
        #expect(vector.firstDifference(results, final: domain.heldRanges) == nil, "\(type)")
    }

    @Test(arguments: listed)
    func listedVectorAgrees(name: String) throws {
        let problems = ProblemList(limit: 8)
        let vector = try ReplayVector(root(name), problems)
        try #require(problems.isEmpty, "\(problems.problems)")
        #expect(vector.expectsSomething && vector.final != nil && vector.trace.operations.count > 6)
        try check(vector, on: IOVADomain.self)
        try check(vector, on: LinearWalkDomain.self)
    }

    @Test(arguments: digests)
    func digestVectorAgrees(name: String) throws {
        let problems = ProblemList(limit: 8)
        let vector = try ReplayDigestVector(root(name), problems)
        try #require(problems.isEmpty, "\(problems.problems)")
        #expect(try vector.run.run(on: IOVADomain.self) == vector.expected)
    }

    @Test func shelfIsWhole() { #expect(Self.listed.count == 155 && Self.digests.count == 6) }
}
