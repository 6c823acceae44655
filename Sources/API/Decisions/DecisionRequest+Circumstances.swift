// What happened before a question, and what is to be tried: each member belongs to some consumers only, and
// is a fault where none of them is asked about.

import AddressSpaces
import JSON
import MSIWindows

extension DecisionRequest {
    /// Members that have a meaning for some consumers only.
    private static let owners: [(name: String, consumers: Set<Consumer>)] = [
        ("dma_mask", [.dmaAPI]), ("forcedac", [.dmaAPI]), ("earlier_mappings", [.dmaAPI]),
        ("attached", [.vfioType1, .iommufd]), ("mappings", [.vfioType1, .iommufd]),
        ("map_checks", [.vfioType1, .iommufd]), ("allowed_iovas", [.iommufd]),
        ("cache_coherent", [.iommufd]),
    ]

    mutating func readCircumstances(
        _ reader: inout ObjectReader, for consumers: Set<Consumer>, _ problems: ProblemList
    ) {
        for (name, owners) in Self.owners where owners.isDisjoint(with: consumers) {
            guard let node = reader.optional(name) else { continue }
            let words = owners.map(\.rawValue).sorted().joined(separator: ", ")
            problems.add(
                node.pointer, "not-for-consumer", "\"\(name)\" has a meaning for consumer \(words) only.")
        }
        if consumers.contains(.dmaAPI) { readDMA(&reader, problems) }
        guard consumers != [.dmaAPI] else { return }
        if let node = reader.optional("mappings") { circumstances.mappings = Self.ranges(node, problems) }
        if let node = reader.optional("map_checks"),
            let nodes = node.elements(countMax: Limits.mapChecksMax, problems)
        {
            circumstances.mapChecks = nodes.compactMap {
                Self.mapCheck($0, allowsAutomatic: consumers.contains(.iommufd), problems)
            }
        }
        guard consumers.contains(.iommufd) else { return }
        if let node = reader.optional("allowed_iovas") { circumstances.allowed = Self.ranges(node, problems) }
        stated.read([.cacheCoherent], from: &reader)
    }

    private mutating func readDMA(_ reader: inout ObjectReader, _ problems: ProblemList) {
        if let value = reader.value("dma_mask"), let mask = value.dmaMask(problems) {
            circumstances.dmaMask = mask
        }
        stated.read([.forcedac], from: &reader)
        if let node = reader.optional("earlier_mappings"),
            let nodes = node.elements(countMax: Limits.earlierMappingsMax, problems)
        {
            var live: Set<Int> = []
            for (index, node) in nodes.enumerated() {
                guard let operation = operation(node, index, &live, problems) else { continue }
                circumstances.history.append(operation)
            }
        }
    }

    /// `{"size", "dma_mask"?}`, or `{"free": <index of an earlier one>}`.
    private func operation(
        _ node: JSONNode, _ index: Int, _ live: inout Set<Int>, _ problems: ProblemList
    ) -> DMAOperation? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        if let free = reader.optional("free") {
            guard let earlier = free.int(in: 0...Limits.earlierMappingsMax, problems) else { return nil }
            guard live.remove(earlier) != nil else {
                problems.add(
                    free.pointer, "not-mapped", "Entry \(earlier) is no mapping that is still there.")
                return nil
            }
            return .unmap(index: earlier)
        }
        let maskValue = reader.value("dma_mask")
        guard let sizeNode = reader.required("size"), let bytes = sizeNode.u64(problems) else { return nil }
        let mask = maskValue.map { $0.dmaMask(problems) } ?? circumstances.dmaMask
        guard bytes > 0 else {
            problems.add(sizeNode.pointer, "zero-size", "A mapping has at least one byte.")
            return nil
        }
        guard let mask else { return nil }
        live.insert(index)
        // The subject's place in its group is known once its mates are.
        return .map(bytes: bytes, mask: mask, member: 0)
    }

    private static func ranges(_ node: JSONNode, _ problems: ProblemList) -> [IOVARange] {
        node.elements(countMax: Limits.mappingsPerDecisionMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) } ?? []
    }

    /// `{"iova", "size"}`, or `{"size", "user_address"}` for automatic placement. What Linux refuses is an
    /// answer: a size of 0 is allowed here.
    private static func mapCheck(
        _ node: JSONNode, allowsAutomatic: Bool, _ problems: ProblemList
    ) -> MapCheck? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let size = reader.required("size")?.u64(problems)
        let user = reader.optional("user_address")
        let iova = user == nil ? reader.required("iova") : reader.optional("iova")
        reader.finish()
        if let user, let iova {
            problems.add(iova.pointer, "conflict", "Send \"iova\" or \"user_address\", not both.")
            _ = user
            return nil
        }
        if let user {
            guard allowsAutomatic else {
                problems.add(user.pointer, "not-for-consumer", "VFIO type1 has no automatic placement.")
                return nil
            }
            guard let size, let address = user.u64(problems) else { return nil }
            return .automatic(bytes: size, userAddress: address)
        }
        guard let size, let iova = iova?.u64(problems) else { return nil }
        return .fixed(iova: iova, bytes: size)
    }
}
