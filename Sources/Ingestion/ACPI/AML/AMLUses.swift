// Which named objects something may store to: by their names, by references that a term makes of them, or by
// the result of a method that returns them, which is the object itself and no copy (ACPICA's interpreter).

struct AMLUses {
    /// How a term uses the object that it names.
    private enum Use {
        case reads, passes, stores
        /// Its value is what the method around it returns.
        case returns
    }

    /// The first place of each, by object.
    private var stores: [Int: AMLRefusal] = [:]
    private var passes: [Int: AMLRefusal] = [:]
    /// The methods that return an object.
    private var returners: [Int: Set<Int>] = [:]

    /// - Parameter method: whose body the terms are.
    mutating func note(_ tree: AMLTree, method: Int?) {
        for (index, term) in tree.terms.enumerated() where term.opcode == .name {
            guard let object = term.object else { continue }
            switch use(index, tree) {
            case .reads: break
            case .passes: if passes[object] == nil { passes[object] = tree.refusal(.storedTo, index) }
            case .stores: if stores[object] == nil { stores[object] = tree.refusal(.storedTo, index) }
            case .returns: if let method { returners[object, default: []].insert(method) }
            }
        }
    }

    private func use(_ index: Int, _ tree: AMLTree) -> Use {
        let term = tree.terms[index]
        let around = term.parent >= 0 ? tree.terms[term.parent] : nil
        switch term.role {
        case .written, .element: return .stores
        case .argument: return .passes
        case .statement: return .reads
        case .exposed:
            // Without a target, CondRefOf only asks whether there is one.
            let asks = around?.opcode == .conditionalReference && hasNoTarget(term.parent, tree)
            return asks ? .reads : .stores
        case .read:
            guard let around, index == term.parent + 1 else { return .reads }
            switch around.opcode {
            case .returnValue: return .returns
            // A buffer is its own conversion.
            case .toBuffer: return use(term.parent, tree)
            // A reference to the source, unless DerefOf takes the value at once.
            case .index:
                let outer = around.parent >= 0 ? tree.terms[around.parent].opcode : nil
                return outer == .dereference && hasNoTarget(term.parent, tree) ? .reads : .stores
            default: return .reads
            }
        }
    }

    /// Whether the last operand is left out.
    private func hasNoTarget(_ index: Int, _ tree: AMLTree) -> Bool {
        tree.children(of: index).last.map { tree.terms[$0].opcode == .zero } ?? false
    }

    /// Where an object may be stored to. A number that is passed to a method stays as it is.
    func store(to object: Int, isNumber: Bool) -> AMLRefusal? {
        var seen: Set = [object]
        var waiting = [object]
        while let next = waiting.popLast() {
            if let store = stores[next] ?? (isNumber ? nil : passes[next]) { return store }
            if isNumber { continue }
            waiting += (returners[next] ?? []).sorted().filter { seen.insert($0).inserted }
        }
        return nil
    }
}
