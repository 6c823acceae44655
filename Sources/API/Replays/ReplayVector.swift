// What a vector file expects of its run. The trace itself is read by ReplayRequest, as a request would be;
// this reads the members that a request ignores.

public import IOVAAllocation
public import JSON

/// Expected results of a listed vector.
public struct ReplayVector: Sendable {
    public var trace = AllocatorTrace()
    /// An entry an operation; nil where the file says nothing.
    public var expected: [TraceResult?] = []
    /// Held ranges at the end; nil when the file does not say.
    public var final: [PageFrameRange]?
    /// The words of each operation, for a report.
    public var callWords: [String] = []

    /// Where a run differs from what is expected.
    public enum Difference: Hashable, Sendable {
        case result(operation: Int, expected: TraceResult, got: TraceResult)
        case final(index: Int, expected: PageFrameRange?, got: PageFrameRange?)
    }

    /// Reads a vector file; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
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

    /// Whether the file says anything that a run can be held against.
    public var expectsSomething: Bool { final != nil || expected.contains { $0 != nil } }

    /// The first difference between a run and what is expected.
    public func firstDifference(
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
