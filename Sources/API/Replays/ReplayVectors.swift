// Vector files of `iovad replay`, and what they expect of their runs. A listed vector is a trace, read by
// ReplayRequest as a request would be, with the expected results; a digest vector describes a run by seed,
// weights and phases, with the digests of its results.

import AddressSpaces
package import IOVAAllocation
package import JSON

/// Expected results of a listed vector.
package struct ReplayVector: Sendable {
    package var trace = AllocatorTrace()
    /// One entry per operation; nil where the file gives no result.
    package var expected: [TraceResult?] = []
    /// Held ranges at the end; nil when the file does not say.
    package var final: [PageFrameRange]?
    /// The words of each operation, for a report.
    package var callWords: [String] = []

    /// Where a run differs from what is expected.
    package enum Difference: Hashable, Sendable {
        case result(operation: Int, expected: TraceResult, got: TraceResult)
        case final(index: Int, expected: PageFrameRange?, got: PageFrameRange?)
    }

    /// Reads a vector file; every fault goes to `problems`.
    package init(_ root: JSONNode, _ problems: ProblemList) {
        trace = ReplayRequest(root, operationsMax: .max, problems).trace
        guard problems.isEmpty, let operations = root.member("ops") else { return }
        for node in operations.children {
            callWords.append(node.member("op")?.string(bytesMax: Limits.nameBytesMax, problems) ?? "")
            expected.append(node.member("expect").flatMap { TraceResult(wire: $0, problems) })
        }
        // What returns nothing has nothing to expect.
        final = root.member("final")?.elements(countMax: .max, problems)?
            .compactMap { PageFrameRange(wirePair: $0, problems) }
    }

    /// Whether the file has anything to compare a run with.
    package var expectsSomething: Bool { final != nil || expected.contains { $0 != nil } }

    /// The first difference between a run and what is expected.
    package func firstDifference(
        _ results: [TraceResult], final got: some Sequence<PageFrameRange>
    ) -> Difference? {
        for (index, result) in results.enumerated() {
            guard let wanted = expected[index], wanted != result else { continue }
            return .result(operation: index, expected: wanted, got: result)
        }
        guard let final else { return nil }
        let got = Array(got)
        for index in 0..<max(got.count, final.count) {
            let wanted = index < final.count ? final[index] : nil
            let found = index < got.count ? got[index] : nil
            if wanted != found { return .final(index: index, expected: wanted, got: found) }
        }
        return nil
    }
}

extension TraceResult {
    /// null, a pfn, or `[lo, hi]`.
    init?(wire node: JSONNode, _ problems: ProblemList) {
        switch node.kind {
        case .null: self = .none
        case .array:
            guard let range = PageFrameRange(wirePair: node, problems) else { return nil }
            self = .range(range)
        case .bool, .number, .string, .object:
            guard let pfn = node.u64(problems) else { return nil }
            self = .pfn(pfn)
        }
    }
}

extension PageFrameRange {
    /// `[lo, hi]`
    init?(wirePair node: JSONNode, _ problems: ProblemList) {
        guard let nodes = node.elements(countMax: 2, problems) else { return nil }
        guard nodes.count == 2 else {
            problems.add(node.pointer, "wrong-type", "Expected a pair [lo, hi].")
            return nil
        }
        guard let lo = nodes[0].u64(problems), let hi = nodes[1].u64(problems) else { return nil }
        self.init(lo: lo, hi: hi)
    }
}

// MARK: Digests

/// A described run and its expected outcome.
package struct ReplayDigestVector: Sendable {
    package var run = DigestRun()
    package var expected = DigestOutcome()

    /// Reads a vector file with `"kind":"digest"`; every fault goes to `problems`.
    package init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        _ = reader.required("kind")?.choice([(word: "digest", value: ())], problems)
        for name in ReplayRequest.ignoredMembers where name != "level" { _ = reader.optional(text: name) }
        readDomain(&reader)
        if let node = reader.required("level"),
            let level = node.choice(DigestRun.Level.allCases.map { ($0.rawValue, $0) }, problems)
        {
            run.level = level
        }
        run.seed = reader.required("seed")?.u64(problems) ?? 0
        run.operations = Self.count("n_ops", &reader)
        run.liveMax = Self.count("max_live", &reader)
        run.reservations = Self.list("reserve", &reader) { PageFrameRange(wirePair: $0, problems) }
        run.sizes = Self.list("sizes", &reader) { Self.size($0, problems) }
        run.limits = Self.list("limits", &reader) { Self.limit($0, problems) }
        run.phases = Self.list("phases", &reader) { Self.phase($0, problems) }
        readOutcome(&reader)
        reader.finish()
        checkLists(reader)
    }

    private mutating func readDomain(_ reader: inout ObjectReader) {
        let problems = reader.problems
        if let node = reader.required("granule"), let granule = Granule(wire: node, problems) {
            run.granule = granule
        }
        run.startPFN = reader.required("start_pfn")?.u64(problems) ?? 1
    }

    private mutating func readOutcome(_ reader: inout ObjectReader) {
        let problems = reader.problems
        expected.digest = reader.required("digest")?.u64(problems) ?? 0
        expected.finalDigest = reader.required("final_digest")?.u64(problems) ?? 0
        expected.checkpoints = Self.list("checkpoints", &reader) { $0.u64(problems) }
        expected.finalRanges = Self.count("final_ranges", &reader)
        expected.allocs = Self.count("allocs", &reader)
        expected.failures = Self.count("failures", &reader)
        expected.frees = Self.count("frees", &reader)
        expected.live = Self.count("live", &reader)
        expected.peakLive = Self.count("peak_live", &reader)
    }

    /// What the run divides by must not be empty.
    private func checkLists(_ reader: ObjectReader) {
        let problems = reader.problems
        if run.sizes.reduce(0, { $0 + $1.weight }) == 0 {
            problems.add(reader.pointer("sizes"), "empty", "Send at least one size with a weight above 0.")
        }
        if run.limits.reduce(0, { $0 + $1.weight }) == 0 {
            problems.add(reader.pointer("limits"), "empty", "Send at least one limit with a weight above 0.")
        }
        if run.phases.isEmpty {
            problems.add(reader.pointer("phases"), "empty", "Send at least one phase.")
        }
    }

    private static func count(_ name: StaticString, _ reader: inout ObjectReader) -> Int {
        reader.required(name)?.int(in: 0...Int(JSONNode.exactIntegerMax), reader.problems) ?? 0
    }

    private static func list<Element>(
        _ name: StaticString, _ reader: inout ObjectReader, _ element: (JSONNode) -> Element?
    ) -> [Element] {
        reader.required(name)?.elements(countMax: 4_096, reader.problems)?.compactMap(element) ?? []
    }

    /// The parts of a fixed-length array.
    private static func parts(_ count: Int, _ node: JSONNode, _ problems: ProblemList) -> [JSONNode]? {
        guard let nodes = node.elements(countMax: count, problems) else { return nil }
        guard nodes.count == count else {
            problems.add(node.pointer, "wrong-type", "Expected \(count) elements, found \(nodes.count).")
            return nil
        }
        return nodes
    }

    private static func size(_ node: JSONNode, _ problems: ProblemList) -> DigestRun.WeightedSize? {
        guard let parts = parts(2, node, problems),
            let weight = parts[0].int(in: 0...1_000_000, problems),
            let size = parts[1].u64(problems)
        else { return nil }
        return .init(weight: UInt64(weight), size: size)
    }

    private static func limit(_ node: JSONNode, _ problems: ProblemList) -> DigestRun.WeightedLimit? {
        guard let parts = parts(3, node, problems),
            let weight = parts[0].int(in: 0...1_000_000, problems),
            let limit = parts[1].u64(problems), let flag = parts[2].bool(problems)
        else { return nil }
        return .init(weight: UInt64(weight), limit: limit, flag: flag)
    }

    private static func phase(_ node: JSONNode, _ problems: ProblemList) -> DigestRun.Phase? {
        guard let parts = parts(3, node, problems),
            let operations = parts[0].int(in: 1...Int(JSONNode.exactIntegerMax), problems),
            let below = parts[1].int(in: 0...256, problems),
            let policy = parts[2].choice(
                DigestRun.Policy.allCases.map { ($0.rawValue, $0) }, problems)
        else { return nil }
        return .init(operations: operations, allocateBelow: UInt64(below), policy: policy)
    }
}
