// Which IDs of a requester reach which SMMU or ITS group, and as what. Mirrors drivers/acpi/arm64/iort.c:
// iort_id_map and iort_node_map_id, Linux 7.2, including its work-around for firmware that counts one ID
// too many; but for all IDs at once instead of one by one, and with an end to every walk.

import Platforms

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

    /// Pieces behind one mapping's target, which may be wanted itself.
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
        var latestWithBase: [UInt32: Int] = [:]
        var latestSingle = -1
        for (place, mapping) in node.mappings.enumerated() where place != own {
            if mapping.isSingle { latestSingle = place } else { latestWithBase[mapping.inputBase] = place }
        }
        if !allowsSingle(node) { latestSingle = -1 }
        var decided = DecidedIDs()
        var rules: [Rule] = []
        for (place, mapping) in node.mappings.enumerated() where place != own {
            if mapping.isSingle, !allowsSingle(node) {
                findings.note(
                    .error, "single-mapping-not-allowed", node.location,
                    "Mapping \(place) of the \(node.typeName) node is a single mapping, which Linux skips there."
                )
                continue
            }
            let (sum, wraps) = mapping.inputBase.addingReportingOverflow(mapping.lastIndex)
            let first: UInt32 = mapping.isSingle ? 0 : mapping.inputBase
            var last: UInt32 = mapping.isSingle ? .max : wraps ? .max : sum
            if !mapping.isSingle, last > first,
                latestWithBase[last, default: -1] > place || latestSingle > place
            {
                findings.note(
                    .warning, "id-count-off-by-one", node.location,
                    "The last ID \(table.hex(last)) of mapping \(place) belongs to a later mapping: the count is one "
                        + "too high, and Linux applies its work-around.")
                last -= 1
            }
            let parts = decided.open(first, last)
            if !mapping.isSingle, parts.count != 1 || parts[0] != (first, last) {
                findings.note(
                    .warning, "id-mappings-overlap", node.location,
                    "IDs of mapping \(place), \(table.hex(first)) to \(table.hex(last)), are in an earlier mapping "
                        + "too, which wins.")
            }
            decided.insert(first, last)
            guard let target = table.indexByOffset[Int(mapping.reference)] else { continue }
            for part in parts {
                let output = mapping.outputBase &+ (mapping.isSingle ? 0 : part.first - first)
                rules.append(
                    Rule(
                        piece: IDPiece(
                            first: part.first, last: part.last, output: output,
                            isConstant: mapping.isSingle), target: target))
            }
        }
        return rules
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
        default: return nil
        }
    }

    private static let deviceIDValidFlag: UInt32 = 1 << 4
}
