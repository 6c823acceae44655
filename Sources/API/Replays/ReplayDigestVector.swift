// A digest vector: a run that is described by seed, weights and phases, with the digests of its results.

import AddressSpaces
public import IOVAAllocation
public import JSON

/// A described run and what it should come to.
public struct ReplayDigestVector: Sendable {
    public var run = DigestRun()
    public var expected = DigestOutcome()

    /// Reads a vector file with `"kind":"digest"`; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        _ = reader.required("kind")?.choice([(word: "digest", value: ())], problems)
        for name in ReplayRequest.ignoredMembers where name != "level" { _ = reader.optional(name) }
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

    private static func count(_ name: String, _ reader: inout ObjectReader) -> Int {
        reader.required(name)?.int(in: 0...Int(JSONNode.exactIntegerMax), reader.problems) ?? 0
    }

    private static func list<Element>(
        _ name: String, _ reader: inout ObjectReader, _ element: (JSONNode) -> Element?
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
