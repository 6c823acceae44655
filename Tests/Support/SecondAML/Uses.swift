// Who may change an object that has a name. Reading it is harmless. Storing to it, making a field in it, or
// giving away something that refers to it (an index that is kept, a package, RefOf, an argument) is not; nor
// is any of this done with the result of a method that returns it.

struct Uses {
    enum Role {
        case reads
        /// Changes it, or lets something else change it.
        case changes
        /// Passed to a method, which can change the inside of a buffer, but no number.
        case passes
        /// The value of the method.
        case returns(Node)
    }

    struct Use {
        let term: Term
        /// The term that it is an operand of.
        let outer: Term
        let role: Role
    }

    private var ofNode: [ObjectIdentifier: [Use]] = [:]

    mutating func collect(_ loaded: Loaded) {
        for term in loaded.terms { walk(term, outer: term, .reads, nil, loaded) }
        for method in loaded.methods {
            for term in method.body { walk(term, outer: term, .reads, method.node, loaded) }
        }
    }

    private mutating func walk(
        _ term: Term, outer: Term, _ role: Role, _ method: Node?, _ loaded: Loaded
    ) {
        if term.code == Code.reference {
            if let node = loaded.object(term) {
                ofNode[ObjectIdentifier(node), default: []].append(
                    .init(term: term, outer: outer, role: role))
            }
            for argument in term.operands { walk(argument, outer: term, .passes, method, loaded) }
            return
        }
        let targets = Grammar.targets(term.code)
        for (place, operand) in term.operands.enumerated() {
            let inner: Role
            switch term.code {
            // An alias can be used as the name itself.
            case Code.refOf, Code.alias: inner = .changes
            case Code.condRefOf where place == 0:
                inner = term.operands[1].code == Code.missing ? .reads : .changes
            case Code.index where place == 0:
                inner =
                    outer.code == Code.derefOf && term.operands[2].code == Code.missing ? .reads : .changes
            case _ where Code.createFields.contains(term.code) && place == 0: inner = .changes
            case Code.toBuffer where place == 0: inner = role
            case Code.hand: inner = method.map(Role.returns) ?? .reads
            default: inner = targets.contains(place) ? .changes : .reads
            }
            walk(operand, outer: term, inner, method, loaded)
        }
        let keeps = term.code == Code.package || term.code == Code.varPackage
        for inner in term.body { walk(inner, outer: term, keeps ? .changes : .reads, method, loaded) }
    }

    /// Where a node's object may be changed; `buffer` where its inside counts.
    func changes(of node: Node, buffer: Bool) -> [Trouble] {
        var seen: Set<ObjectIdentifier> = []
        return changes(of: node, buffer, &seen)
    }

    /// The same, without changes of its own name that store a constant; those constants.
    func changes(
        of node: Node, buffer: Bool, storing constant: (Use) -> Datum?
    ) -> (constants: [Datum], others: [Trouble]) {
        let own = (ofNode[ObjectIdentifier(node)] ?? []).filter {
            if case .changes = $0.role { true } else { false }
        }
        let constants = own.compactMap { use in constant(use).map { (use.term, $0) } }
        let known = Set(constants.map { ObjectIdentifier($0.0) })
        let others = own.filter { !known.contains(ObjectIdentifier($0.term)) }.map {
            $0.term.trouble("the name may be changed")
        }
        let places = Set(own.flatMap { [$0.term.at, $0.outer.at] })
        let further = changes(of: node, buffer: buffer).filter { !places.contains($0.offset) }
        return (constants.map(\.1), others + further)
    }

    private func changes(
        of node: Node, _ buffer: Bool, _ seen: inout Set<ObjectIdentifier>
    ) -> [Trouble] {
        guard seen.insert(ObjectIdentifier(node)).inserted else { return [] }
        var found: [Trouble] = []
        for use in ofNode[ObjectIdentifier(node)] ?? [] {
            switch use.role {
            case .reads: break
            case .passes where !buffer: break
            case .changes, .passes:
                found.append(use.term.trouble("the name may be changed"))
                found.append(use.outer.trouble("the name may be changed"))
            case .returns(let method):
                if buffer { found += changes(of: method, buffer, &seen) }
            }
        }
        return found
    }
}
