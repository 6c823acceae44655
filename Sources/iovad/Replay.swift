// Holds a run against what its file expects, and says where the first difference is.

import AddressSpaces
import API
import IOVAAllocation

extension ReplayFile {
    /// Throws the first difference.
    func check() throws(Failure) {
        switch self {
        case .listed(let vector): try Self.check(vector)
        case .digest(let vector): try Self.check(vector)
        }
    }

    private static func check(_ vector: ReplayVector) throws(Failure) {
        guard vector.expectsSomething else {
            throw Failure(text: "expects nothing: no operation has \"expect\" and there is no \"final\"")
        }
        var domain = vector.trace.domain(IOVADomain.self)
        let results: [TraceResult]
        do {
            results = try vector.trace.run(on: &domain)
        } catch {
            throw failure(error)
        }
        switch vector.firstDifference(results, final: domain.heldRanges) {
        case nil: return
        case .result(let index, let expected, let got):
            throw Failure(
                text:
                    "operation \(index) (\(vector.callWords[index])): expected \(text(expected)), got \(text(got))"
            )
        case .final(let index, let expected, let got):
            let (wanted, found) = (expected.map(text) ?? "none", got.map(text) ?? "none")
            throw Failure(text: "final range \(index): expected \(wanted), got \(found)")
        }
    }

    private static func check(_ vector: ReplayDigestVector) throws(Failure) {
        let expected = vector.expected
        let got: DigestOutcome
        do {
            got = try vector.run.run(on: IOVADomain.self)
        } catch {
            throw failure(error)
        }
        guard got != expected else { return }
        let step = DigestRun.checkpointOperations
        for (index, pair) in zip(expected.checkpoints, got.checkpoints).enumerated() where pair.0 != pair.1 {
            throw Failure(
                text:
                    "checkpoint \(index) (operations \(index * step) to \((index + 1) * step - 1)): "
                    + "expected \(HexLiteral.text(pair.0)), got \(HexLiteral.text(pair.1))"
            )
        }
        let numbers: [(name: String, expected: UInt64, got: UInt64)] = [
            ("digest", expected.digest, got.digest),
            ("number of checkpoints", UInt64(expected.checkpoints.count), UInt64(got.checkpoints.count)),
            ("final_digest", expected.finalDigest, got.finalDigest),
            ("final_ranges", UInt64(expected.finalRanges), UInt64(got.finalRanges)),
            ("allocs", UInt64(expected.allocs), UInt64(got.allocs)),
            ("failures", UInt64(expected.failures), UInt64(got.failures)),
            ("frees", UInt64(expected.frees), UInt64(got.frees)),
            ("live", UInt64(expected.live), UInt64(got.live)),
            ("peak_live", UInt64(expected.peakLive), UInt64(got.peakLive)),
        ]
        for number in numbers where number.expected != number.got {
            throw Failure(
                text:
                    "\(number.name): expected \(HexLiteral.text(number.expected)), got \(HexLiteral.text(number.got))"
            )
        }
    }

    private static func text(_ result: TraceResult) -> String {
        switch result {
        case .none: "null"
        case .pfn(let pfn): HexLiteral.text(pfn)
        case .range(let range): text(range)
        }
    }

    private static func text(_ range: PageFrameRange) -> String {
        "[\(HexLiteral.text(range.lo)), \(HexLiteral.text(range.hi))]"
    }
}
