// What is wrong between nodes: references that hit no node, circles, RMRs that Linux dislikes. Nothing
// here stops the reading; Linux does not look either, and says less. Damage is an error; what Linux calls a
// firmware bug and lives with is a warning.

import AddressSpaces
import Machines

extension IORTTable {
    func check(_ findings: inout FindingList) {
        for node in nodes {
            checkReferences(of: node, &findings)
            switch node.content {
            case .memoryRanges(let content): checkRanges(content, of: node, &findings)
            case .performanceCounters(_, let reference): checkCounted(reference, of: node, &findings)
            case .smmuV1V2(let smmu): checkModel(smmu.model, of: node, &findings)
            case .other:
                findings.note(
                    .warning, "node-type-unknown", node.location,
                    "Node type \(node.type) is unknown; Linux and iovad skip its \(node.length) bytes."
                )
            case .itsGroup, .namedComponent, .rootComplex, .smmuV3, .unreadable: break
            }
        }
        checkCircles(&findings)
    }

    private func checkReferences(of node: IORTNode, _ findings: inout FindingList) {
        for (place, mapping) in node.mappings.enumerated() {
            if indexByOffset[Int(mapping.reference)] == nil {
                findings.note(
                    .error, "output-reference-wrong", node.location,
                    "ID mapping \(place) of the \(node.typeName) node leads to \(hex(mapping.reference)), which is "
                        + "not the start of a node; its IDs count as unmapped. Linux would read the bytes there as a node."
                )
            }
            let lasts: [(String, UInt32)] = [("input", mapping.inputBase), ("output", mapping.outputBase)]
            for (what, base) in lasts where base.addingReportingOverflow(mapping.lastIndex).overflow {
                findings.note(
                    .error, "id-mapping-wraps", node.location,
                    "\(what.capitalizedWord) IDs of mapping \(place) pass 2^32: \(mapping.count) from \(hex(base))"
                        + (what == "input" ? "; Linux adds in 32 bits and finds no ID in the mapping." : "."))
            }
            if mapping.isSingle, mapping.lastIndex > 0 {
                findings.note(
                    .warning, "single-mapping-count", node.location,
                    "Mapping \(place) is a single mapping but has a count of \(mapping.count) IDs.")
            }
        }
    }

    /// The rules of drivers/acpi/arm64/iort.c: iort_rmr_desc_check_overlap and iort_rmr_alloc.
    private func checkRanges(
        _ content: IORTNode.MemoryRanges, of node: IORTNode, _ findings: inout FindingList
    ) {
        if node.mappings.isEmpty {
            findings.note(
                .warning, "rmr-without-mapping", node.location,
                "The RMR node has no ID mapping; Linux says \"Invalid ID mapping\" and skips it.")
        }
        if content.ranges.isEmpty {
            findings.note(
                .warning, "rmr-without-ranges", node.location,
                "The RMR node has no readable memory range; Linux says \"Invalid RMR descriptor array\" and skips it."
            )
        }
        for (place, mapping) in node.mappings.enumerated() {
            guard let target = indexByOffset[Int(mapping.reference)], !nodes[target].isSMMU else { continue }
            findings.note(
                .warning, "rmr-mapping-not-smmu", node.location,
                "ID mapping \(place) of the RMR node leads to the \(nodes[target].typeName) node at "
                    + "\(hex(mapping.reference)), not to an SMMU: Linux finds no device for it, and nothing is reserved."
            )
        }
        if revision < 5 {
            findings.note(
                .warning, "rmr-in-old-table", node.location,
                "The table has revision \(revision); Linux ignores RMR nodes before revision 5.")
        }
        for (place, range) in content.ranges.enumerated() {
            let text = "\(hex(range.base))+\(hex(range.length))"
            if range.length == 0 {
                findings.note(
                    .warning, "rmr-zero-length", node.location,
                    "Range \(place) at \(hex(range.base)) has a length of 0; Linux reports a firmware bug and keeps it."
                )
            } else if range.base.addingReportingOverflow(range.length - 1).overflow {
                findings.note(
                    .error, "rmr-range-wraps", node.location,
                    "Range \(place), \(text), overflows 64 bits; Linux keeps it as it is.")
            }
            if !ReservedRegion.isAlignedRMR(base: range.base, length: range.length) {
                findings.note(
                    .warning, "rmr-not-aligned", node.location,
                    "Range \(place), \(text), is not aligned to \(ReservedRegion.alignmentOfRMR.bytes >> 10) KiB; Linux "
                        + "rounds it outward to its own pages."
                )
            }
        }
        checkOverlaps(content.ranges, of: node, &findings)
    }

    /// drivers/acpi/arm64/iort.c: arm_smmu_v3_pmcg_add_platdata asks the node for what is counted.
    private func checkCounted(_ reference: UInt32, of node: IORTNode, _ findings: inout FindingList) {
        guard indexByOffset[Int(reference)] == nil else { return }
        findings.note(
            .warning, "node-reference-wrong", node.location,
            "The PMCG refers to a node at \(hex(reference)), which is not the start of a node.")
    }

    /// drivers/iommu/arm/arm-smmu/arm-smmu.c: acpi_smmu_get_data.
    private func checkModel(_ model: UInt32, of node: IORTNode, _ findings: inout FindingList) {
        guard SMMUModelNumber.v1v2(model).1.isEmpty else { return }
        findings.note(
            .warning, "smmu-model-unknown", node.location,
            "The SMMU model \(model) is unknown; Linux does not drive it. It is read as a plain SMMUv2."
        )
    }

    private func checkOverlaps(
        _ ranges: [(base: UInt64, length: UInt64)], of node: IORTNode, _ findings: inout FindingList
    ) {
        let spans = ranges.enumerated().compactMap {
            place, range -> (first: UInt64, last: UInt64, place: Int)? in
            guard range.length > 0 else { return nil }
            let (last, wraps) = range.base.addingReportingOverflow(range.length - 1)
            return (range.base, wraps ? .max : last, place)
        }.sorted { ($0.first, $0.place) < ($1.first, $1.place) }
        var top: (last: UInt64, place: Int)?
        for span in spans {
            if let top, span.first <= top.last {
                findings.note(
                    .warning, "rmr-ranges-overlap", node.location,
                    "Ranges \(min(top.place, span.place)) and \(max(top.place, span.place)) overlap at "
                        + "\(hex(span.first)); Linux reports a firmware bug and keeps both.")
            }
            if span.last >= top?.last ?? 0 { top = (span.last, span.place) }
        }
    }

    /// A depth-first walk with its own stack; the first circle is named.
    private func checkCircles(_ findings: inout FindingList) {
        enum Colour { case white, grey, black }
        var colours = [Colour](repeating: .white, count: nodes.count)
        for root in nodes.indices where colours[root] == .white {
            var stack: [(node: Int, next: Int)] = [(root, 0)]
            colours[root] = .grey
            while let top = stack.last {
                guard top.next < nodes[top.node].mappings.count else {
                    colours[top.node] = .black
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let reference = Int(nodes[top.node].mappings[top.next].reference)
                guard let target = indexByOffset[reference] else { continue }
                if colours[target] == .grey {
                    findings.note(
                        .error, "reference-cycle", nodes[target].location,
                        "The ID mappings form a reference cycle through node \(hex(nodes[target].offset)); Linux "
                            + "follows them without a limit and would hang.")
                    return
                }
                guard colours[target] == .white else { continue }
                colours[target] = .grey
                stack.append((target, 0))
            }
        }
    }
}

extension String {
    /// The first letter in upper case.
    fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}
