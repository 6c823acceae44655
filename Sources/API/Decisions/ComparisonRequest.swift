// The body of POST /v1/comparisons: a question that leaves policy and kernel open, and a list of each.

import AddressSpaces
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows

/// One question under several policies and kernels.
struct ComparisonRequest: Sendable {
    /// A column of the comparison.
    struct Entry: Sendable {
        /// The policy's id, or the caller's own name.
        var name: String
        var source: WindowSource
        var consumer: Consumer
    }

    private(set) var question = DecisionRequest()
    private(set) var entries: [Entry] = []
    /// nil for the kernel of the host, or the newest.
    private(set) var kernels: [KernelProfile]?

    /// Reads the body; every fault goes to `problems`.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        var fallback = Consumer.vfioType1
        if let node = reader.optional("consumer"), let consumer = node.choice(WireWords.consumers, problems) {
            fallback = consumer
        }
        if let node = reader.optional("policies") {
            let nodes = node.elements(countMax: Limits.comparisonCellsMax, problems) ?? []
            if nodes.isEmpty {
                problems.add(node.pointer, "empty", "Send at least one policy, or leave it out.")
            }
            entries = nodes.enumerated().compactMap { Self.entry($1, $0, fallback, problems) }
        } else {
            entries = Policy.all.map {
                Entry(name: $0.id, source: $0.source, consumer: $0.consumer ?? fallback)
            }
        }
        if let node = reader.optional("kernels"),
            let nodes = node.elements(countMax: KernelRelease.allCases.count, problems)
        {
            if nodes.isEmpty {
                problems.add(node.pointer, "empty", "Send at least one kernel, or leave it out.")
            }
            kernels = nodes.compactMap { Condition.kernel(.member($0), problems) }
        }
        let kernelCount = kernels?.count ?? 1
        if entries.count * kernelCount > Limits.comparisonCellsMax {
            problems.add(
                reader.pointer("policies"), "too-many",
                "\(entries.count) policies times \(kernelCount) kernels; a comparison gives at most "
                    + "\(Limits.comparisonCellsMax) answers.")
        }
        question.read(&reader, for: entries.map(\.consumer) + [fallback], problems)
        reader.finish()
    }

    /// A policy's id, or `{"name"?, "window_source", "consumer"?}`.
    private static func entry(
        _ node: JSONNode, _ index: Int, _ fallback: Consumer, _ problems: ProblemList
    ) -> Entry? {
        guard node.kind == .object else {
            guard let id = node.string(bytesMax: Limits.nameBytesMax, problems) else { return nil }
            guard let policy = Policy.named(id) else {
                let known = Policy.all.map(\.id).joined(separator: ", ")
                problems.add(node.pointer, "unknown-value", "Unknown policy; send one of \(known).")
                return nil
            }
            return Entry(name: policy.id, source: policy.source, consumer: policy.consumer ?? fallback)
        }
        guard var reader = ObjectReader(node, problems) else { return nil }
        let name = reader.optional("name")?.line(bytesMax: Limits.platformIDBytesMax, problems)
        let source = reader.required("window_source").flatMap { WindowSource($0, problems) }
        let consumer =
            reader.optional("consumer").map { $0.choice(WireWords.consumers, problems) } ?? fallback
        reader.finish()
        guard let source, let consumer else { return nil }
        return Entry(name: name ?? "policies[\(index)]", source: source, consumer: consumer)
    }
}
