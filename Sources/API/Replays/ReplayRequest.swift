// The body of POST /v1/replays as JSON, and the listed vector files of `iovad replay`: a trace, read with all
// its mistakes at once. A request holds up to 200,000 operations, so keys and words are compared where they
// lie, each object is walked once, and only ids become strings. A mistake that shows only during a run (a
// free of something never allocated) is found by the run itself.

import AddressSpaces
import IOVAAllocation
package import JSON
import LinuxReleases

/// A trace as the request states it.
package struct ReplayRequest: Sendable {
    var trace = AllocatorTrace()

    /// What a vector file says besides its trace.
    static let ignoredMembers = [
        "name", "family", "level", "description", "rcache", "uses_tick", "differs_on_6.1", "final", "expect",
    ]

    /// Reads the body; every fault goes to `problems`.
    init(
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
        for name in Self.ignoredMembers { _ = reader.optional(text: name) }
        if let node = reader.required("ops") { readOperations(node, operationsMax, problems) }
        reader.finish()
    }

    /// Online CPUs, which the depot trimmer looks at.
    package static func cpus(_ value: WireValue, _ problems: ProblemList) -> Int? {
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
                "\(node.count) operations; a trace has at most \(operationsMax). Nothing was run.")
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
    init?(wire node: JSONNode, _ problems: ProblemList) {
        guard let bytes = node.size(problems) else { return nil }
        if let granule = Granule(bytes: bytes) {
            self = granule
            return
        }
        problems.add(
            node.pointer, "not-a-power-of-two",
            "\(HexLiteral.text(bytes)) is not a power of two: Linux stops with a BUG in "
                + "init_iova_domain. Send 0x1000, 0x4000 or 0x10000."
        )
        return nil
    }
}

// MARK: Operations

/// Reads operations one after another and counts the ids that they use.
struct ReplayOperationReader {
    private enum Member: Int, CaseIterable {
        case op, size, limit, aligned, flush, id, lo, hi, pfn, expect

        var name: String { "\(self)" }
    }

    private enum Call: String, CaseIterable {
        case reserve, alloc, free
        case freePFN = "free_pfn"
        case allocFast = "alloc_fast"
        case freeFast = "free_fast"
        case tick

        /// Members that the call takes; the id of an allocation may be left out.
        var members: [Member] {
            switch self {
            case .reserve: [.lo, .hi]
            case .alloc: [.size, .limit, .aligned, .id]
            case .allocFast: [.size, .limit, .flush, .id]
            case .free, .freeFast: [.id]
            case .freePFN: [.pfn]
            case .tick: []
            }
        }
    }

    /// Members that some call takes, but not this one.
    private static let strangers = Call.allCases.map { call in
        Member.allCases.filter { $0 != .op && $0 != .expect && !call.members.contains($0) }
    }

    private static let memberWords = WordList(Member.allCases.map(\.name))
    private static let callWords = WordList(Call.allCases.map(\.rawValue))

    private let problems: ProblemList
    private var names: [String: TraceOperation.Name] = [:]
    /// The members of the object at hand, by `Member`.
    private var slots = MemberTable(Self.memberWords)

    /// For about `count` operations.
    init(expecting count: Int, _ problems: ProblemList) {
        self.problems = problems
        names.reserveCapacity(count)
    }

    /// Ids met so far.
    var nameCount: Int { names.count }

    /// The operation; nil when it is wrong, which is in the list of problems then.
    mutating func read(_ node: JSONNode) -> TraceOperation? {
        guard node.kind == .object else {
            problems.add(node.pointer, "wrong-type", "Expected an object, found \(node.kind.described).")
            return nil
        }
        slots.read(node)
        guard let word = required(.op, node) else { return nil }
        guard let index = word.textIndex(in: Self.callWords) else {
            let calls = Call.allCases.map { (word: $0.rawValue, value: $0) }
            _ = word.choice(calls, problems)
            return nil
        }
        let call = Call.allCases[index]
        checkMembers(of: call, index)
        return operation(call, node)
    }

    private mutating func operation(_ call: Call, _ node: JSONNode) -> TraceOperation? {
        switch call {
        case .reserve:
            let (lo, hi) = (number(.lo, node), number(.hi, node))
            guard let lo, let hi, isRange(lo, hi, node) else { return nil }
            return .reserve(lo: lo, hi: hi)
        case .alloc:
            let (size, limit, flag) = (size(node), number(.limit, node), flag(.aligned, node))
            let (name, isWrong) = optionalName()
            guard let size, let limit, let flag, !isWrong else { return nil }
            return .allocate(size: size, limit: limit, isAligned: flag, name: name)
        case .allocFast:
            let (size, limit, flag) = (size(node), number(.limit, node), flag(.flush, node))
            let (name, isWrong) = optionalName()
            guard let size, let limit, let flag, !isWrong else { return nil }
            return .allocateFast(size: size, limit: limit, flushes: flag, name: name)
        case .free: return required(.id, node).flatMap { name($0) }.map { .free($0) }
        case .freeFast: return required(.id, node).flatMap { name($0) }.map { .freeFast($0) }
        case .freePFN: return number(.pfn, node).map { .freePFN($0) }
        case .tick: return .tick
        }
    }

    private func required(_ member: Member, _ node: JSONNode) -> JSONNode? {
        if let child = slots[member.rawValue] { return child }
        ObjectReader.noteMissing(member.name, of: node, problems)
        return nil
    }

    private func number(_ member: Member, _ node: JSONNode) -> UInt64? {
        required(member, node)?.u64(problems)
    }

    private func flag(_ member: Member, _ node: JSONNode) -> Bool? {
        required(member, node)?.bool(problems)
    }

    private func size(_ node: JSONNode) -> UInt64? {
        guard let child = required(.size, node), let size = child.u64(problems) else { return nil }
        guard size > 0 else {
            problems.add(child.pointer, "zero-size", ReplayWords.zeroSize)
            return nil
        }
        return size
    }

    private func isRange(_ lo: UInt64, _ hi: UInt64, _ node: JSONNode) -> Bool {
        guard lo > hi else { return true }
        problems.add("\(node.pointer)/lo", "reversed-range", ReplayWords.reversedRange(lo: lo, hi: hi))
        return false
    }

    /// The id of an allocation, which may be left out.
    private mutating func optionalName() -> (name: TraceOperation.Name?, isWrong: Bool) {
        guard let child = slots[Member.id.rawValue] else { return (nil, false) }
        let name = name(child)
        return (name, name == nil)
    }

    private mutating func name(_ child: JSONNode) -> TraceOperation.Name? {
        guard let text = child.line(bytesMax: Limits.nameBytesMax, problems) else { return nil }
        if let name = names[text] { return name }
        let name = TraceOperation.Name(names.count)
        names[text] = name
        return name
    }

    /// Refuses what the call does not take: an ignored member is more likely a slip than meant.
    private func checkMembers(of call: Call, _ index: Int) {
        for member in Self.strangers[index] {
            guard let child = slots[member.rawValue] else { continue }
            problems.add(
                child.pointer, "unknown-field",
                "\"\(call.rawValue)\" takes no \"\(member.name)\"; \(takes(call)).")
        }
        for child in slots.strays {
            problems.add(
                child.pointer, "unknown-field",
                "Unknown member \"\(Excerpt.of(child.key))\"; \(takes(call)).")
        }
    }

    private func takes(_ call: Call) -> String {
        let names = call.members.map { "\"\($0.name)\"" }.joined(separator: ", ")
        return names.isEmpty ? "it takes none" : "it takes \(names)"
    }
}
