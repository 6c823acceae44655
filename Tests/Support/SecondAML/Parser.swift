// One table, or one method's body, as terms. Declarations go into the namespace as they are met; the bodies
// of methods wait, because how many arguments a call has is known only when every table was walked.

struct Parser {
    var cursor: Cursor
    let space: Namespace
    var scope: Node
    var condition: Int?
    var isBody = false
    var depth = 0
    /// Methods whose bodies wait.
    var methods: [Term] = []

    init(_ bytes: [UInt8], table: Int, at: Int, _ space: Namespace, scope: Node) {
        cursor = Cursor(bytes: bytes, table: table, at: at)
        self.space = space
        self.scope = scope
    }

    mutating func terms(_ end: Int) throws(Trouble) -> [Term] {
        var terms: [Term] = []
        while cursor.at < end { terms.append(try term(end)) }
        return terms
    }

    mutating func term(_ limit: Int) throws(Trouble) -> Term {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Bound.depth else { throw cursor.trouble("nested too deeply") }
        let start = cursor.at
        let first = try cursor.peek(limit)
        if Cursor.startsName(first) { return try reference(limit, isCall: true) }
        cursor.at += 1
        var code = Int(first)
        if first == 0x5b { code = 0x5b00 | Int(try cursor.byte(limit)) }
        let term = Term(code, cursor.table, at: start, scope)
        if let letters = Grammar.operands[code] {
            for letter in letters { try operand(letter, of: term, limit) }
            if term.name != nil { try declare(term) }
            return term
        }
        switch code {
        case Code.locals, Code.arguments: break
        case Code.zero, Code.one, Code.ones: term.number = code == Code.ones ? .max : UInt64(code)
        case Code.byte: term.number = try cursor.number(1, limit)
        case Code.word: term.number = try cursor.number(2, limit)
        case Code.dword: term.number = try cursor.number(4, limit)
        case Code.qword: term.number = try cursor.number(8, limit)
        case Code.string:
            let from = cursor.at
            while cursor.at < limit, cursor.bytes[cursor.at] != 0 { cursor.at += 1 }
            guard cursor.at < limit else { throw cursor.trouble("a text without end", at: from) }
            cursor.at += 1
            term.bytes = cursor.bytes[from..<cursor.at - 1]
        case Code.hand:
            // Compilers end the package after the opcode where no value is returned.
            if cursor.at < limit { term.operands = [try self.term(limit)] }
        case Code.name:
            try takeName(term, limit)
            term.operands = [try self.term(limit)]
            try declare(term)
        case Code.external:
            try takeName(term, limit)
            // Of a method, how many arguments it takes.
            let kind = try cursor.byte(limit)
            let count = try cursor.number(1, limit) & 7
            term.number = kind == 8 ? count : 0
            guard let node = space.place(term.name!, scope) else { throw beyondRoot(term) }
            node.external = term
        default:
            try package(term, limit)
        }
        return term
    }

    private mutating func operand(_ letter: Character, of term: Term, _ limit: Int) throws(Trouble) {
        switch letter {
        case "b": _ = try cursor.number(1, limit)
        case "w": _ = try cursor.number(2, limit)
        case "d": _ = try cursor.number(4, limit)
        case "N": try takeName(term, limit)
        case "n": term.operands.append(try onlyName(limit))
        case "t": term.operands.append(try self.term(limit))
        default:
            let next = try cursor.peek(limit)
            if next == 0 {
                term.operands.append(Term(Code.missing, cursor.table, at: cursor.at, scope))
                cursor.at += 1
            } else if Cursor.startsName(next) {
                term.operands.append(try reference(limit, isCall: letter != "r"))
            } else {
                term.operands.append(try self.term(limit))
            }
        }
    }

    /// A name where a term may stand; a method's is followed by its arguments.
    private mutating func reference(_ limit: Int, isCall: Bool) throws(Trouble) -> Term {
        let term = Term(Code.reference, cursor.table, at: cursor.at, scope)
        let name = try cursor.name(limit)
        term.name = name
        if isBody { term.node = space.object(name, scope) }
        guard isCall else { return term }
        term.number = UInt64(space.arity(name, scope) ?? 0)
        for _ in 0..<term.number { term.operands.append(try self.term(limit)) }
        return term
    }

    private mutating func onlyName(_ limit: Int) throws(Trouble) -> Term {
        guard Cursor.startsName(try cursor.peek(limit)) else { throw cursor.trouble("this is no name") }
        return try reference(limit, isCall: false)
    }

    private mutating func takeName(_ term: Term, _ limit: Int) throws(Trouble) {
        term.nameAt = cursor.at
        term.name = try cursor.name(limit)
        // Only a scope may be the root.
        if term.name!.segments.isEmpty, term.code != Code.scope {
            throw cursor.trouble("there is no name where one is declared", at: term.nameAt)
        }
    }

    private func beyondRoot(_ term: Term) -> Trouble {
        cursor.trouble("there is no scope that far out", at: term.nameAt)
    }

    private mutating func declare(_ term: Term) throws(Trouble) {
        guard let name = term.name, let node = space.place(name, scope) else {
            throw beyondRoot(term)
        }
        term.node = node
        node.declarations.append(.init(term: term, condition: condition, isInBody: isBody))
    }
}

// What has a package length.

extension Parser {
    private mutating func package(_ term: Term, _ limit: Int) throws(Trouble) {
        switch term.code {
        case Code.buffer:
            let end = try cursor.packageEnd(limit)
            term.operands = [try self.term(end)]
            term.bytes = cursor.bytes[cursor.at..<end]
            cursor.at = end
        case Code.package, Code.varPackage:
            let end = try cursor.packageEnd(limit)
            if term.code == Code.package {
                term.number = try cursor.number(1, end)
            } else {
                term.operands = [try self.term(end)]
            }
            while cursor.at < end {
                let isName = Cursor.startsName(try cursor.peek(end))
                term.body.append(isName ? try reference(end, isCall: false) : try self.term(end))
            }
        case Code.scope, Code.device, Code.processor, Code.power, Code.thermal:
            try opening(term, limit)
        case Code.method:
            let end = try cursor.packageEnd(limit)
            try takeName(term, end)
            term.number = try cursor.number(1, end)
            term.bytes = cursor.bytes[cursor.at..<end]
            cursor.at = end
            try declare(term)
            methods.append(term)
        case Code.condition, Code.otherwise, Code.loop:
            let end = try cursor.packageEnd(limit)
            if term.code != Code.otherwise { term.operands = [try self.term(end)] }
            let outside = condition
            condition = term.at
            defer { condition = outside }
            term.body = try terms(end)
        case Code.field, Code.indexField, Code.bankField:
            try fields(term, limit)
        default:
            throw term.trouble("opcode 0x\(String(term.code, radix: 16)) is not known")
        }
    }

    /// Terms in a scope of their own.
    private mutating func opening(_ term: Term, _ limit: Int) throws(Trouble) {
        let end = try cursor.packageEnd(limit)
        try takeName(term, end)
        let name = term.name!
        switch term.code {
        case Code.processor: for width in [1, 4, 1] { _ = try cursor.number(width, end) }
        case Code.power: for width in [1, 2] { _ = try cursor.number(width, end) }
        default: break
        }
        if term.code == Code.scope {
            // A scope that is there already, looked for further out where the name is simple.
            let known = space.find(name, scope, where: \.isThere)
            guard let node = known ?? space.place(name, scope) else {
                throw cursor.trouble("there is no scope that far out", at: term.nameAt)
            }
            node.isOpened = true
            term.node = node
        } else {
            try declare(term)
        }
        let outside = scope
        scope = term.node!
        defer { scope = outside }
        term.body = try terms(end)
    }

    private mutating func fields(_ term: Term, _ limit: Int) throws(Trouble) {
        let end = try cursor.packageEnd(limit)
        term.operands = [try onlyName(end)]
        if term.code != Code.field { term.operands.append(try onlyName(end)) }
        if term.code == Code.bankField { term.operands.append(try self.term(end)) }
        _ = try cursor.byte(end)
        while cursor.at < end {
            let start = cursor.at
            switch try cursor.peek(end) {
            case 0x00:
                cursor.at += 1
                _ = try cursor.packageLength(end)
            case 0x01: _ = try cursor.number(3, end)
            case 0x02:
                cursor.at += 1
                let isBuffer = Int(try cursor.peek(end)) == Code.buffer
                term.body.append(isBuffer ? try self.term(end) : try reference(end, isCall: false))
            case 0x03: _ = try cursor.number(4, end)
            default:
                let unit = Term(Code.fieldUnit, cursor.table, at: start, scope)
                unit.name = WrittenName(segments: [try cursor.segment(end)])
                _ = try cursor.packageLength(end)
                try declare(unit)
                term.body.append(unit)
            }
        }
    }
}
