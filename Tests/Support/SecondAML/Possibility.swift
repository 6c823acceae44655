// All that an object may say to a question of yes or no, from every value that a term gives to it: those of
// its declarations, of the Returns of a method, and of Stores of constants. What has a value that no term
// shows is in doubt.

public enum Question {
    /// `_HID` or `_CID`: PNP0A03 or PNP0A08.
    case bridge
    /// `_STA`: bit 0 (present) or bit 3 (functioning) lets Linux attach the device and go on to its children
    /// (acpi_bus_attach, acpi_device_is_present).
    case present
    /// `_CRS`: a descriptor of an address space that the device produces.
    case produces

    private static let identifiers: [Datum] = [
        .number(0x030a_d041), .number(0x080a_d041), .text("PNP0A03"), .text("PNP0A08"),
    ]

    func answer(_ datum: Datum) -> Bool? {
        switch self {
        case .bridge:
            if case .list(let list) = datum { return list.contains(where: Self.identifiers.contains) }
            return Self.identifiers.contains(datum)
        case .present:
            guard case .number(let number) = datum else { return nil }
            return number & 0b1001 != 0
        case .produces:
            guard case .bytes(let bytes) = datum, let list = try? SecondTemplate(bytes) else { return nil }
            return list.spaces.contains { $0.kind < 3 && $0.isProduced }
        }
    }
}

struct Possibility {
    var answers: Set<Bool> = []
    var doubts: [Trouble] = []
    /// Nothing declares it for sure.
    var mayBeMissing = false

    mutating func add(_ other: Possibility) {
        answers.formUnion(other.answers)
        doubts += other.doubts
    }

    static func doubt(_ trouble: Trouble) -> Possibility { Possibility(doubts: [trouble]) }
}

extension Facts {
    /// nil where the device has no object of the name.
    func possibility(_ device: Node, _ name: StaticString, _ question: Question) -> Possibility? {
        guard let node = device.children[segment(name)] else { return nil }
        if node.declarations.isEmpty {
            return node.external.map {
                Possibility(doubts: [$0.trouble("declared elsewhere")], mayBeMissing: true)
            }
        }
        var all = Possibility(mayBeMissing: !node.declarations.contains { isCarriedOut($0, with: device) })
        for (place, declaration) in node.declarations.enumerated() {
            let term = declaration.term
            switch term.code {
            case Code.name where !declaration.isInBody: all.add(ofName(node, term, question))
            case Code.method where place == 0: all.add(ofMethod(term, question))
            default:
                all.add(.doubt(term.trouble("not looked into")))
                // By a method, it may become whatever is asked for.
                if place == 0 || term.code != Code.method, declaration.isInBody { all.answers.insert(true) }
            }
        }
        return all
    }

    /// Whether a declaration is carried out whenever the device's own is.
    func isCarriedOut(_ declaration: Node.Declaration, with device: Node) -> Bool {
        guard let condition = declaration.condition else { return true }
        // The method may never run.
        guard !declaration.isInBody else { return false }
        guard let first = device.declarations.first else { return false }
        return first.condition == condition && first.term.table == declaration.term.table
    }

    private func ofName(_ node: Node, _ term: Term, _ question: Question) -> Possibility {
        var all = ofValue(term.operands[0], question)
        var isBuffer = true
        if case .number = datum(term.operands[0]) { isBuffer = false }
        let stores = loaded.uses.changes(of: node, buffer: isBuffer) { storedConstant($0) }
        all.doubts += stores.others
        for datum in stores.constants { all.add(answering(datum, question, term)) }
        if question == .present, !isLocal(node) { all.doubts += loaded.unread }
        return all
    }

    private func answering(_ datum: Datum, _ question: Question, _ term: Term) -> Possibility {
        question.answer(datum).map { Possibility(answers: [$0]) }
            ?? .doubt(term.trouble("a value of the wrong kind"))
    }

    /// A Store of a number or a text.
    private func storedConstant(_ use: Uses.Use) -> Datum? {
        guard use.outer.code == Code.store, use.outer.operands[1] === use.term else { return nil }
        switch datum(use.outer.operands[0]) {
        case .number(let number): return .number(number)
        case .text(let text): return .text(text)
        case .bytes, .list, .computed: return nil
        }
    }

    private func ofValue(_ term: Term, _ question: Question) -> Possibility {
        let datum = datum(term)
        guard datum != .computed else { return .doubt(term.trouble("computed")) }
        var all = answering(datum, question, term)
        // The name's value counts, which is not looked for.
        if mentionsName(term) { all.doubts.append(term.trouble("a name in a list")) }
        return all
    }

    private func mentionsName(_ term: Term) -> Bool {
        term.code == Code.reference || (term.operands + term.body).contains(where: mentionsName)
    }

    private func ofMethod(_ method: Term, _ question: Question) -> Possibility {
        if let trouble = method.bodyTrouble { return .doubt(trouble) }
        guard method.number & 7 == 0 else { return .doubt(method.trouble("it takes arguments")) }
        var all = Possibility()
        if question == .present, !returnsAlways(method.body) {
            all.doubts.append(method.trouble("it may end without a Return"))
        }
        for term in returns(method.body) {
            guard let value = term.operands.first else {
                all.doubts.append(term.trouble("nothing is returned"))
                continue
            }
            guard value.code == Code.reference else {
                all.add(ofValue(value, question))
                continue
            }
            guard value.operands.isEmpty, let node = loaded.object(value), !node.declarations.isEmpty else {
                all.doubts.append(value.trouble("a call, or an unknown name"))
                continue
            }
            for declaration in node.declarations {
                let term = declaration.term
                let isOwn = term.table == method.table && method.bytes.indices.contains(term.at)
                all.add(
                    term.code == Code.name && (isOwn || !declaration.isInBody)
                        ? ofName(node, declaration.term, question)
                        : .doubt(value.trouble("it returns something else's value")))
            }
        }
        return all
    }

    private func returns(_ terms: [Term]) -> [Term] {
        terms.flatMap { $0.code == Code.hand ? [$0] : returns($0.operands + $0.body) }
    }

    private func returnsAlways(_ terms: [Term]) -> Bool {
        let terms = Array(terms.reversed().drop { $0.code == Code.noop }.prefix(2))
        guard let last = terms.first else { return false }
        if last.code == Code.hand { return true }
        guard last.code == Code.otherwise, terms.count == 2, terms[1].code == Code.condition else {
            return false
        }
        return returnsAlways(last.body) && returnsAlways(terms[1].body)
    }

    /// Declared in a method, and there only while that runs.
    func isLocal(_ node: Node) -> Bool {
        var at = node.parent
        while let here = at {
            if here.declarations.first?.term.code == Code.method { return true }
            at = here.parent
        }
        return false
    }
}
