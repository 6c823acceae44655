// The published check values of the two functions that digest vectors and benchmarks rest on.

import API
import AddressSpaces
import IOVAAllocation
import JSON
import LinearWalk
import TestSupport
import Testing

@Suite struct DigestTests {
    @Test func randomNumbersAreSplitMix64() {
        var random = SplitMix64(seed: 0)
        #expect(random.next() == 0xe220_a839_7b1d_cdaf)
        #expect(random.next() == 0x6e78_9e6a_a1b9_65f4)
        #expect(random.next() == 0x06c4_5d18_8009_454f)
    }

    @Test func digestIsFNV1a() {
        var digest = ResultDigest()
        digest.feed(0xfffff)
        #expect(digest.value == 0x4ba7_1b4a_70bf_6f0c)
        digest.feed(allocation: nil)
        #expect(digest.value == 0x5d7f_f687_d44f_5504)
    }

    private static let description = """
        {"name":"own","kind":"digest","level":"LEVEL","description":"","granule":"0x1000","start_pfn":"0x1",
         "seed":"0x5eed","n_ops":250000,"max_live":700,"reserve":[["0x8000","0x80ff"]],
         "sizes":[[5,1],[2,4],[1,33]],"limits":[[2,"0xfffff",true],[1,"0xffffffff",false]],
         "phases":[[3000,200,"random"],[2000,60,"fifo"],[1000,128,"lifo"]],
         "digest":"0x0","final_digest":"0x0","final_ranges":0,"allocs":0,"failures":0,"frees":0,"live":0,
         "peak_live":0,"checkpoints":["0x0","0x0"]}
        """

    private func vector(_ text: String, _ problems: ProblemList) throws -> ReplayDigestVector {
        let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 8, valuesMax: 10_000)
        return ReplayDigestVector(try JSONDocument(parsing: Array(text.utf8), limits: limits).root, problems)
    }

    /// Described runs on both implementations, so that this needs no shelf.
    @Test(arguments: DigestRun.Level.allCases)
    func describedRunsAgree(level: DigestRun.Level) throws {
        let problems = ProblemList(limit: 8)
        let text = Self.description.replacing("LEVEL", with: level.rawValue)
        let vector = try vector(text, problems)
        #expect(problems.isEmpty, "\(problems.problems)")
        let outcome = try vector.run.run(on: IOVADomain.self)
        #expect(try vector.run.run(on: LinearWalkDomain.self) == outcome)
        #expect(outcome != vector.expected)
        #expect(outcome.allocs + outcome.frees == 250_000 && outcome.checkpoints.count == 2)
        #expect(outcome.live == outcome.allocs - outcome.failures - outcome.frees)
        #expect(outcome.peakLive == 700 && outcome.finalRanges >= outcome.live + 1)
    }

    @Test func descriptionsAreChecked() throws {
        let problems = ProblemList(limit: 32)
        let text = Self.description.replacing("LEVEL", with: "slab").replacing(
            "[5,1],[2,4],[1,33]", with: "[0,1]"
        )
        .replacing("[[2,\"0xfffff\",true],[1,\"0xffffffff\",false]]", with: "[[1,\"0xf\"]]")
        .replacing("3000,200,\"random\"", with: "0,200,\"random\"").replacing("250000", with: "-1")
        _ = try vector(text, problems)
        let pointers = Set(problems.problems.map(\.pointer))
        #expect(
            pointers == ["/level", "/n_ops", "/sizes", "/limits", "/limits/0", "/phases/0/0"], "\(pointers)")
    }
}
