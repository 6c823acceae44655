// The body of POST /v1/replays, and the listed vector files of `iovad replay`: a trace, read with all its
// mistakes at once. What is wrong only in the course of a run (a free of something never allocated) is
// found by the run itself.

public import AddressSpaces
public import IOVAAllocation
public import JSON
import LinuxReleases

/// A trace as it came.
public struct ReplayRequest: Sendable {
    public var trace = AllocatorTrace()

    /// What a vector file says besides its trace.
    static let ignoredMembers = [
        "name", "family", "level", "description", "rcache", "uses_tick", "differs_on_6.1", "final", "expect",
    ]

    /// Reads the body; every fault goes to `problems`.
    public init(
        _ root: JSONNode, operationsMax: Int = Limits.replayOperationsMax, _ problems: ProblemList
    ) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.optional("granule"), let granule = Granule(wire: node, problems) {
            trace.granule = granule
        }
        if let node = reader.optional("start_pfn"), let pfn = node.u64(problems) { trace.startPFN = pfn }
        if let value = reader.value("kernel"), let kernel = Condition.kernel(value, problems) {
            trace.release = kernel
        }
        if let value = reader.value("cpus"), let count = Self.cpus(value, problems) {
            trace.onlineCPUs = count
        }
        for name in Self.ignoredMembers { _ = reader.optional(name) }
        if let node = reader.required("ops") { readOperations(node, operationsMax, problems) }
        reader.finish()
    }

    /// Online CPUs, which the depot trimmer looks at.
    public static func cpus(_ value: WireValue, _ problems: ProblemList) -> Int? {
        value.int(in: 1...Limits.replayCPUsMax, problems)
    }

    private mutating func readOperations(_ node: JSONNode, _ operationsMax: Int, _ problems: ProblemList) {
        guard node.kind == .array else {
            problems.add(node.pointer, "wrong-type", "Expected an array, found \(node.kind.described).")
            return
        }
        guard node.count <= operationsMax else {
            problems.add(
                node.pointer, "too-many",
                "\(node.count) operations; at most \(operationsMax) are run. Nothing was run.")
            return
        }
        trace.operations.reserveCapacity(node.count)
        var reader = ReplayOperationReader(expecting: node.count, problems)
        for child in node.children {
            if let operation = reader.read(child) { trace.operations.append(operation) }
        }
        trace.nameCount = reader.nameCount
    }
}

extension Granule {
    /// Any power of two.
    public init?(wire node: JSONNode, _ problems: ProblemList) {
        guard let bytes = node.u64(problems) else { return nil }
        if let granule = Granule(bytes: bytes) {
            self = granule
            return
        }
        problems.add(
            node.pointer, "not-a-power-of-two",
            "\(HexLiteral.text(bytes)) is no power of two: Linux stops with a BUG in "
                + "init_iova_domain. Send 0x1000, 0x4000 or 0x10000."
        )
        return nil
    }
}
