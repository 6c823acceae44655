// Values that are written down in full, and the form that a fact has to have: a Name of such a value, or a
// method that does nothing but return one.

public enum Datum: Equatable, Sendable {
    case number(UInt64)
    case text(String)
    case bytes([UInt8])
    case list([Datum])
    /// Something that would have to be computed.
    case computed
}

struct Facts {
    let loaded: Loaded

    func datum(_ term: Term) -> Datum {
        switch term.code {
        case Code.zero, Code.one, Code.ones, Code.byte, Code.word, Code.dword, Code.qword:
            return .number(term.number & loaded.numberMask)
        case Code.string: return .text(String(decoding: term.bytes, as: UTF8.self))
        case Code.buffer:
            guard case .number(let size) = datum(term.operands[0]), size <= UInt64(Bound.bufferBytes) else {
                return .computed
            }
            let missing = max(0, Int(size) - term.bytes.count)
            return .bytes(Array(term.bytes) + [UInt8](repeating: 0, count: missing))
        case Code.package: return .list(term.body.map { datum($0) })
        case Code.varPackage:
            guard case .number = datum(term.operands[0]) else { return .computed }
            return .list(term.body.map { datum($0) })
        default: return .computed
        }
    }

    /// What a device's own name of this kind says; `asWritten`, whoever may change it.
    func said(_ device: Node, _ name: StaticString, asWritten: Bool = false) -> Said<Datum> {
        guard let node = device.children[segment(name)] else { return .nothing }
        if node.declarations.isEmpty {
            return node.external.map { .unknown([$0.trouble("declared elsewhere")]) } ?? .nothing
        }
        return value(of: node, in: device, asWritten: asWritten)
    }

    private func only(_ node: Node, in device: Node) -> Said<Term> {
        let declarations = node.declarations
        if declarations.count > 1 {
            return .unknown(declarations.map { $0.term.trouble("declared more than once") })
        }
        let term = declarations[0].term
        guard !isCarriedOut(declarations[0], with: device), let condition = declarations[0].condition else {
            return .value(term)
        }
        return .unknown([
            term.trouble("declared under a condition"),
            Trouble(table: term.table, offset: condition, words: "declared under a condition"),
        ])
    }

    private func value(of node: Node, in device: Node, asWritten: Bool) -> Said<Datum> {
        only(node, in: device).map { term in
            switch term.code {
            case Code.name: return named(node, term, asWritten)
            case Code.method: return returned(term, in: device, asWritten)
            default: return .unknown([term.trouble("it has no value of its own")])
            }
        }
    }

    /// A name's value, if nothing changes it.
    private func named(_ node: Node, _ term: Term, _ asWritten: Bool) -> Said<Datum> {
        let datum = datum(term.operands[0])
        if asWritten, datum != .computed { return .value(datum) }
        var isBuffer = true
        if case .number = datum { isBuffer = false }
        var doubts = loaded.uses.changes(of: node, buffer: isBuffer) + loaded.unread
        if datum == .computed { doubts += computed(term) + computed(term.operands[0]) }
        return doubts.isEmpty ? .value(datum) : .unknown(doubts)
    }

    private func computed(_ term: Term) -> [Trouble] {
        ([term] + term.operands).map { $0.trouble("computed") }
    }

    /// What a method returns: a value at once, its own name that is declared just before, or a name outside.
    private func returned(_ method: Term, in device: Node, _ asWritten: Bool) -> Said<Datum> {
        let start = method.trouble("it takes arguments, or is not read")
        if let trouble = method.bodyTrouble { return .unknown([trouble, start]) }
        guard method.number & 7 == 0 else { return .unknown([start]) }
        func unknown(_ words: String, _ more: Term...) -> Said<Datum> {
            .unknown(([method] + method.body + more).map { $0.trouble(words) })
        }
        func written(_ term: Term) -> Said<Datum> {
            let datum = datum(term)
            return datum == .computed ? .unknown(computed(term)) : .value(datum)
        }
        guard let last = method.body.last, last.code == Code.hand, method.body.count <= 2,
            let value = last.operands.first
        else { return unknown("it does more than return a value") }
        if method.body.count == 2 {
            let own = method.body[0]
            guard own.code == Code.name, value.code == Code.reference, loaded.object(value) === own.node
            else { return unknown("it does more than return a value") }
            return written(own.operands[0])
        }
        guard value.code == Code.reference else { return written(value) }
        guard let node = loaded.object(value) else { return unknown("an unknown name", value) }
        guard let term = node.declarations.first?.term, term.code == Code.name else {
            return unknown("it returns something else's value", value)
        }
        return self.value(of: node, in: device, asWritten: asWritten)
    }
}
