// Which IDs of a requester reach which SMMU or ITS group, and as what. Mirrors drivers/acpi/arm64/iort.c:
// iort_id_map and iort_node_map_id, Linux 7.2, including its work-around for firmware that counts one ID
// too many; but for all IDs at once instead of one by one, and with an end to every walk.

import AddressSpaces
import Machines

/// Follows ID mappings from node to node.
struct IDRouting {
    private let table: IORTTable
    private var rulesByNode: [Int: [Rule]] = [:]
    private var steps = 0
    /// A walk was given up: too deep, or too much work in all.
    private(set) var isExhausted = false

    /// Some input IDs of a node and where they go next.
    private struct Rule {
        var piece: IDPiece
        var target: Int
    }

    init(_ table: IORTTable) { self.table = table }

    /// The pieces of `input`, as it leaves `node`, that reach a node of the wanted kind, with that node.
    mutating func route(
        _ input: IDPiece, from node: Int, to isWanted: (IORTNode) -> Bool, _ findings: inout FindingList
    ) -> [(piece: IDPiece, target: Int)] {
        var found: [(IDPiece, Int)] = []
        follow(input, node, 0, isWanted, &found, &findings)
        return found
    }

    /// Pieces after one mapping's target, which may be wanted itself.
    mutating func route(
        _ input: IDPiece, into target: Int, to isWanted: (IORTNode) -> Bool, _ findings: inout FindingList
    ) -> [(piece: IDPiece, target: Int)] {
        if isWanted(table.nodes[target]) { return [(input, target)] }
        return route(input, from: target, to: isWanted, &findings)
    }

    private mutating func follow(
        _ input: IDPiece, _ node: Int, _ depth: Int, _ isWanted: (IORTNode) -> Bool,
        _ found: inout [(IDPiece, Int)], _ findings: inout FindingList
    ) {
        guard depth < ACPILimits.routeDepthMax else {
            isExhausted = true
            return
        }
        for rule in rules(of: node, &findings) {
            steps += 1
            guard steps <= ACPILimits.routeStepsMax, found.count < ACPILimits.piecesPerDeviceMax else {
                isExhausted = true
                return
            }
            guard let piece = input.through(rule.piece) else { continue }
            if isWanted(table.nodes[rule.target]) {
                found.append((piece, rule.target))
            } else {
                follow(piece, rule.target, depth + 1, isWanted, &found, &findings)
            }
        }
    }

    private mutating func rules(of index: Int, _ findings: inout FindingList) -> [Rule] {
        if let known = rulesByNode[index] { return known }
        let made = makeRules(of: index, &findings)
        rulesByNode[index] = made
        return made
    }

    /// The first mapping that holds an ID wins, with two twists. The last ID of a mapping may be there by
    /// mistake, as the count field holds one less than the count: when a later mapping begins with it, that
    /// one wins. And a single mapping takes every ID that is left, where the node's type allows it.
    private func makeRules(of index: Int, _ findings: inout FindingList) -> [Rule] {
        let node = table.nodes[index]
        let own = ownMapping(of: node, &findings)
        let places = node.mappings.indices.filter { place in
            guard place != own, node.mappings[place].isSingle || node.mappings[place].lastInput != nil else {
                return false
            }
            guard node.mappings[place].isSingle, !allowsSingle(node) else { return true }
            findings.note(
                .warning, "single-mapping-not-allowed", node.location,
                "Mapping \(place) of the \(node.typeName) node is a single mapping, which Linux skips there.")
            return false
        }
        let heirs = Heirs(node, places)
        var decided = DecidedIDs()
        var rules: [Rule] = []
        for place in places {
            let mapping = node.mappings[place]
            let first: UInt32 = mapping.isSingle ? 0 : mapping.inputBase
            let last: UInt32 = mapping.isSingle ? .max : mapping.lastInput ?? .max
            var parts = decided.open(first, last)
            // With a count of one ID there is no last one that could be there by mistake.
            if !mapping.isSingle, last > first, let end = parts.last, end.last == last,
                let heir = heirs.first(after: place, claiming: last)
            {
                findings.note(
                    .warning, "id-count-off-by-one", node.location,
                    "The last ID \(table.hex(last)) of mapping \(place) belongs to mapping \(heir) too: the count is "
                        + "one too high, and Linux applies its work-around.")
                parts.removeLast()
                if end.first < last { parts.append((end.first, last - 1)) }
                append(node.mappings[heir], [(last, last)], to: &rules)
            } else if !mapping.isSingle, parts.count != 1 || parts[0] != (first, last) {
                noteOverlap(place, first, last, node, &findings)
            }
            decided.insert(first, last)
            append(mapping, parts, to: &rules)
        }
        return rules
    }

    /// Adds the rule of a mapping for some of its input IDs.
    private func append(
        _ mapping: IORTMapping, _ parts: [(first: UInt32, last: UInt32)], to rules: inout [Rule]
    ) {
        guard let target = table.indexByOffset[Int(mapping.reference)] else { return }
        for part in parts {
            let skipped = mapping.isSingle ? 0 : part.first - mapping.inputBase
            rules.append(
                Rule(
                    piece: IDPiece(
                        first: part.first, last: part.last, output: mapping.outputBase &+ skipped,
                        isConstant: mapping.isSingle), target: target))
        }
    }

    private func noteOverlap(
        _ place: Int, _ first: UInt32, _ last: UInt32, _ node: IORTNode, _ findings: inout FindingList
    ) {
        // That the first ID belongs to the mapping before is the other half of a count one too high.
        let isHeir = node.mappings[..<place].contains {
            !$0.isSingle && $0.lastIndex > 0 && $0.inputBase &+ $0.lastIndex == first
        }
        guard !isHeir else { return }
        findings.note(
            .warning, "id-mappings-overlap", node.location,
            "IDs of mapping \(place), \(table.hex(first)) to \(table.hex(last)), are also in an earlier mapping, "
                + "which wins.")
    }

    /// Who takes an ID over from a mapping that ends with it.
    private struct Heirs {
        private var placesByBase: [UInt32: [Int]] = [:]
        private var singles: [Int] = []

        init(_ node: IORTNode, _ places: [Int]) {
            for place in places {
                let mapping = node.mappings[place]
                if mapping.isSingle {
                    singles.append(place)
                } else {
                    placesByBase[mapping.inputBase, default: []].append(place)
                }
            }
        }

        /// The first mapping after `place` that begins with `id`, or takes every ID.
        func first(after place: Int, claiming id: UInt32) -> Int? {
            let beginning = placesByBase[id]?.first { $0 > place }
            let taking = singles.first { $0 > place }
            guard let beginning, let taking else { return beginning ?? taking }
            return min(beginning, taking)
        }
    }

    private func allowsSingle(_ node: IORTNode) -> Bool { node.type == 1 || node.type == 2 }

    /// The mapping for the node's own MSIs, which takes no part in routing (drivers/acpi/arm64/iort.c:
    /// iort_get_id_mapping_index, Linux 7.2).
    private func ownMapping(of node: IORTNode, _ findings: inout FindingList) -> Int? {
        switch node.content {
        case .smmuV3(let smmu):
            guard node.revision >= 1, let index = smmu.ownMappingIndex, !node.mappings.isEmpty else {
                return nil
            }
            let isValid =
                node.revision < 5 ? smmu.lines.contains(0) : smmu.flags & Self.deviceIDValidFlag != 0
            guard isValid else { return nil }
            guard index < node.mappings.count else {
                findings.note(
                    .error, "own-mapping-outside", node.location,
                    "The SMMU's device ID mapping index \(index) is beyond its \(node.mappings.count) mappings."
                )
                return nil
            }
            return Int(index)
        case .performanceCounters: return node.mappings.isEmpty ? nil : 0
        case .itsGroup, .namedComponent, .rootComplex, .smmuV1V2, .memoryRanges, .other, .unreadable:
            return nil
        }
    }

    private static let deviceIDValidFlag: UInt32 = 1 << 4
}

/// IDs `first ... last` of a requester, and what has become of them so far.
struct IDPiece {
    var first: UInt32
    var last: UInt32
    /// What `first` has become. It counts up with the input unless `isConstant`.
    var output: UInt32
    /// Every ID has become the same: a single mapping was passed.
    var isConstant = false

    static let all = IDPiece(first: 0, last: .max, output: 0)

    /// The last output ID, cut at 2^32-1.
    var lastOutput: UInt32 {
        guard !isConstant else { return output }
        let (sum, wraps) = output.addingReportingOverflow(last - first)
        return wraps ? .max : sum
    }

    /// What of the piece goes through `rule`, whose inputs are this piece's outputs.
    func through(_ rule: IDPiece) -> IDPiece? {
        let low = max(output, rule.first)
        let high = min(lastOutput, rule.last)
        guard low <= high else { return nil }
        func ruled(_ id: UInt32) -> UInt32 {
            rule.isConstant ? rule.output : rule.output &+ (id - rule.first)
        }
        if isConstant {
            return IDPiece(first: first, last: last, output: ruled(output), isConstant: true)
        }
        return IDPiece(
            first: first + (low - output), last: first + (high - output), output: ruled(low),
            isConstant: rule.isConstant)
    }
}

/// Input IDs that have been decided already: sorted, disjoint, never touching.
struct DecidedIDs {
    private var spans: [(first: UInt32, last: UInt32)] = []

    /// Index of the first span that ends at `id` or above.
    private func index(_ id: UInt32) -> Int {
        spans.partitioningIndex { $0.last >= id }
    }

    /// The parts of `first ... last` that are open, ascending.
    func open(_ first: UInt32, _ last: UInt32) -> [(first: UInt32, last: UInt32)] {
        var parts: [(UInt32, UInt32)] = []
        var next = first
        var at = index(first)
        while at < spans.count, spans[at].first <= last {
            if spans[at].first > next { parts.append((next, spans[at].first - 1)) }
            guard spans[at].last < last else { return parts }
            next = spans[at].last + 1
            at += 1
        }
        parts.append((next, last))
        return parts
    }

    /// Decides `first ... last`.
    mutating func insert(_ first: UInt32, _ last: UInt32) {
        var (low, high) = (first, last)
        let from = index(first == 0 ? 0 : first - 1)
        var to = from
        while to < spans.count, spans[to].first <= (last == .max ? .max : last + 1) {
            low = min(low, spans[to].first)
            high = max(high, spans[to].last)
            to += 1
        }
        spans.replaceSubrange(from..<to, with: [(low, high)])
    }
}
