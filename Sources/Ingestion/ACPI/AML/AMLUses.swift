// Which named objects something may store to: by their names, by references that a term makes of them, or by
// the result of a method that returns them, which is the object itself and no copy (ACPICA's interpreter).
// Everything is noted once, and followed through the methods once for all objects together.

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
    /// Constants that a Store puts into an object, and the first place that stores something else.
    private var storedConstants: [Int: [AMLConstant]] = [:]
    private var otherStores: [Int: AMLRefusal] = [:]
    /// More constants count as something else.
    private static let constantsMax = 16
    /// The objects that a method returns.
    private var returned: [Int: [Int]] = [:]
    /// Stores to the result of a method that returns the object, by object.
    private var storesToResults: [Int: AMLRefusal] = [:]

    /// - Parameter method: whose body the terms are.
    mutating func note(_ tree: AMLTree, method: Int?, integerMax: UInt64) {
        for (index, term) in tree.terms.enumerated() where term.opcode == .name {
            guard let object = term.object else { continue }
            switch use(index, tree) {
            case .reads: break
            case .passes: if passes[object] == nil { passes[object] = tree.refusal(.storedTo, index) }
            case .stores:
                if stores[object] == nil { stores[object] = tree.refusal(.storedTo, index) }
                if !note(stored(index, tree, integerMax), storedTo: object), otherStores[object] == nil {
                    otherStores[object] = tree.refusal(.storedTo, index)
                }
            case .returns: if let method { returned[method, default: []].append(object) }
            }
        }
    }

    /// Whether there is room for a constant that is stored.
    private mutating func note(_ constant: AMLConstant?, storedTo object: Int) -> Bool {
        guard let constant else { return false }
        let known = storedConstants[object] ?? []
        if known.contains(constant) { return true }
        guard known.count < Self.constantsMax else { return false }
        storedConstants[object, default: []].append(constant)
        return true
    }

    /// The constant that a Store gives to the name.
    private func stored(_ index: Int, _ tree: AMLTree, _ integerMax: UInt64) -> AMLConstant? {
        let parent = tree.terms[index].parent
        guard parent >= 0, tree.terms[parent].opcode == .store, index != parent + 1 else { return nil }
        switch tree.terms[parent + 1].opcode {
        case .buffer, .packageData, .variablePackage: return nil
        default: return try? tree.constant(parent + 1, max: integerMax)
        }
    }

    /// Follows what methods return, when everything is noted.
    mutating func settle() {
        var waiting = Set(stores.keys).union(passes.keys).sorted()
        var next = 0
        while next < waiting.count {
            let method = waiting[next]
            next += 1
            guard let store = stores[method] ?? passes[method] ?? storesToResults[method] else { continue }
            for object in returned[method] ?? [] where storesToResults[object] == nil {
                storesToResults[object] = store
                if stores[object] == nil, passes[object] == nil { waiting.append(object) }
            }
        }
        returned = [:]
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
        stores[object] ?? unnamedStore(to: object, isNumber)
    }

    /// What terms store to an object: constants, and where something else may be stored.
    func values(storedTo object: Int, isNumber: Bool) -> (constants: [AMLConstant], other: AMLRefusal?) {
        (storedConstants[object] ?? [], otherStores[object] ?? unnamedStore(to: object, isNumber))
    }

    private func unnamedStore(to object: Int, _ isNumber: Bool) -> AMLRefusal? {
        isNumber ? nil : passes[object] ?? storesToResults[object]
    }
}
