// From bytes of AML to terms, by package lengths and the operands of each opcode, with a stack of its own
// instead of recursion. A name takes as many operands as the method that it names has arguments; one that is
// declared nowhere takes none, which keeps the terms after it whole: AML's terms say their own length.

struct AMLParser {
    /// An unfinished term.
    private struct Frame {
        /// Index of the term; nil outside all terms.
        let term: Int?
        let operands: [AMLOperand]
        var position = 0
        /// Operands of a method call.
        var isCall = false
        /// What the term must not pass: its package's end, once that is known.
        var end: Int
        var scope: Int
        var condition: AMLNamespace.Condition?
    }

    /// Which of the tables it is, for declarations.
    private let table: Int
    /// The method whose body it is; nil of a table. What a body declares outside of itself is there only
    /// when it runs.
    private let method: AMLNamespace.Condition?
    private let outerScope: Int
    private var cursor: AMLCursor
    private var tree: AMLTree
    private var frames: [Frame] = []
    private var termsLeft: Int

    /// The terms of a range of a table, whose declarations go to `names`.
    static func parse(
        _ bytes: [UInt8], _ range: Range<Int>, table: Int, scope: Int,
        bodyOf method: AMLNamespace.Condition? = nil, _ names: inout AMLNamespace, _ termsLeft: inout Int
    ) throws(AMLRefusal) -> AMLTree {
        var parser = AMLParser(bytes, range, table, scope, method, termsLeft)
        defer { termsLeft = parser.termsLeft }
        do {
            try parser.run(&names)
        } catch {
            throw AMLRefusal(error.reason, at: error.offset, in: table)
        }
        return parser.tree
    }

    private init(
        _ bytes: [UInt8], _ range: Range<Int>, _ table: Int, _ scope: Int,
        _ method: AMLNamespace.Condition?, _ termsLeft: Int
    ) {
        self.table = table
        self.method = method
        outerScope = scope
        self.termsLeft = termsLeft
        cursor = AMLCursor(bytes, at: range.lowerBound)
        tree = AMLTree(bytes: bytes, table: table, isBody: method != nil)
        frames = [
            Frame(term: nil, operands: [.terms], end: range.upperBound, scope: scope)
        ]
    }

    private mutating func run(_ names: inout AMLNamespace) throws(AMLRefusal) {
        while let frame = frames.last {
            let place = frames.count - 1
            guard frame.position < frame.operands.count else {
                if let term = frame.term { tree.terms[term].next = tree.terms.count }
                frames.removeLast()
                continue
            }
            let operand = frame.operands[frame.position]
            switch operand {
            case .terms, .elements:
                guard cursor.at < frame.end else {
                    frames[place].position += 1
                    continue
                }
                try begin(operand == .terms ? .statement : .element, frame, &names)
            case .term, .result, .object, .named, .target, .exposed, .resultExposed,
                .reference:
                frames[place].position += 1
                if operand == .reference, let next = cursor.peek(frame.end), !AMLCursor.startsName(next) {
                    throw AMLRefusal(.noName, at: cursor.at)
                }
                if operand == .result, cursor.at >= frame.end { continue }
                try begin(role(operand, frame), mayCall: operand.mayCall, frame, &names)
            case .package:
                frames[place].position += 1
                frames[place].end = try cursor.packageEnd(frame.end)
            case .byte, .word, .dword, .qword, .text, .bytes, .declared, .scope, .fields:
                frames[place].position += 1
                try take(operand, frame, &names)
            }
        }
    }

    private func role(_ operand: AMLOperand, _ frame: Frame) -> AMLRole {
        if frame.isCall { return .argument }
        return operand == .target ? .written : operand.isExposed ? .exposed : .read
    }

    /// Starts the term whose first byte is next.
    private mutating func begin(
        _ role: AMLRole, mayCall: Bool = true, _ frame: Frame, _ names: inout AMLNamespace
    ) throws(AMLRefusal) {
        let offset = cursor.at
        guard termsLeft > 0 else { throw AMLRefusal(.tooManyTerms, at: offset) }
        termsLeft -= 1
        guard let first = cursor.peek(frame.end) else { throw AMLRefusal(.cutShort, at: offset) }
        var term = AMLTerm(
            opcode: .name, role: role, offset: offset, parent: frame.term ?? -1, next: tree.terms.count + 1)
        var operands: [AMLOperand] = []
        if AMLCursor.startsName(first) {
            let name = try cursor.name(frame.end)
            term.object = names.find(name, from: frame.scope)
            // What a table names outside of methods may be declared further on.
            if method == nil {
                tree.references.append(.init(term: tree.terms.count, name: name, scope: frame.scope))
            }
            if mayCall, role != .element, let object = term.object {
                operands = [AMLOperand](repeating: .term, count: names.arguments(of: object) ?? 0)
            }
            tree.terms.append(term)
        } else {
            let opcode = try opcode(frame.end)
            guard let known = opcode.operands else {
                throw AMLRefusal(.unknownOpcode(opcode.code), at: offset)
            }
            operands = known
            tree.terms.append(
                AMLTerm(
                    opcode: opcode, role: role, offset: offset, parent: term.parent, next: term.next))
        }
        guard !operands.isEmpty else { return }
        guard frames.count < AMLLimits.nestingMax else { throw AMLRefusal(.tooDeep, at: offset) }
        let opcode = tree.terms[tree.terms.count - 1].opcode
        frames.append(
            Frame(
                term: tree.terms.count - 1, operands: operands, isCall: opcode == .name, end: frame.end,
                scope: frame.scope,
                condition: opcode.isCondition ? .init(table: table, offset: offset) : frame.condition))
    }

    private mutating func opcode(_ end: Int) throws(AMLRefusal) -> AMLOpcode {
        let first = try cursor.byte(end)
        guard first == AMLOpcode.extensionPrefix else { return AMLOpcode(UInt16(first)) }
        return AMLOpcode(UInt16(first) << 8 | UInt16(try cursor.byte(end)))
    }

    // MARK: Operands that are no terms

    private mutating func take(
        _ operand: AMLOperand, _ frame: Frame, _ names: inout AMLNamespace
    ) throws(AMLRefusal) {
        guard let term = frame.term else { return }
        switch operand {
        case .byte: try takeNumber(1, term, frame, &names)
        case .word: try takeNumber(2, term, frame, &names)
        case .dword: try takeNumber(4, term, frame, &names)
        case .qword: try takeNumber(8, term, frame, &names)
        case .text: tree.terms[term].content = try cursor.text(frame.end)
        case .bytes:
            tree.terms[term].content = cursor.at..<frame.end
            cursor.at = frame.end
            if tree.terms[term].opcode == .method { declareMethod(term, frame, &names) }
        case .declared: try takeDeclaration(term, frame, &names)
        case .scope: try takeScope(term, frame, &names)
        case .fields: try takeFields(frame, &names)
        case .terms, .elements, .term, .result, .object, .named, .target, .exposed,
            .resultExposed, .reference, .package:
            break
        }
    }

    private mutating func takeNumber(
        _ width: Int, _ term: Int, _ frame: Frame, _ names: inout AMLNamespace
    ) throws(AMLRefusal) {
        let number = try cursor.number(width, frame.end)
        let before = width == 8 ? 0 : tree.terms[term].value << UInt64(8 * width)
        tree.terms[term].value = before | number
        guard tree.terms[term].opcode == .external, frame.position == 2,
            let object = tree.terms[term].object
        else { return }
        // Object type 8 is a method; the other byte is its number of arguments.
        let value = tree.terms[term].value
        names.declareExternal(
            object, arguments: value >> 8 == 8 ? Int(value & 7) : nil, table: table,
            at: tree.terms[term].offset)
    }

    private mutating func takeDeclaration(
        _ term: Int, _ frame: Frame, _ names: inout AMLNamespace
    ) throws(AMLRefusal) {
        let offset = cursor.at
        let name = try cursor.name(frame.end)
        guard !name.segments.isEmpty else { throw AMLRefusal(.noName, at: offset) }
        let object = try names.place(name, from: frame.scope, at: offset)
        tree.terms[term].object = object
        let opcode = tree.terms[term].opcode
        // A method is declared when its arguments and its body are known.
        guard opcode != .external, opcode != .method else { return }
        var kind = AMLNamespace.Kind.other
        if opcode == .device { kind = .device }
        if opcode == .nameDeclaration { kind = .data(term: term) }
        if opcode == .alias {
            kind = .alias(arguments: tree.terms[term + 1].object.flatMap(names.arguments))
        }
        let place = tree.terms[term].offset
        names.declare(
            object,
            .init(
                kind: kind, table: table, offset: place, condition: condition(of: object, frame, names),
                isInBody: method != nil))
        if frame.operands.last == .terms { frames[frames.count - 1].scope = object }
    }

    private mutating func declareMethod(_ term: Int, _ frame: Frame, _ names: inout AMLNamespace) {
        guard let object = tree.terms[term].object else { return }
        names.declare(
            object,
            .init(
                kind: .method(
                    arguments: Int(tree.terms[term].value & 7), body: tree.terms[term].content),
                table: table, offset: tree.terms[term].offset,
                condition: condition(of: object, frame, names), isInBody: method != nil))
    }

    /// What decides whether a declaration is carried out.
    private func condition(
        of object: Int, _ frame: Frame, _ names: AMLNamespace
    ) -> AMLNamespace.Condition? {
        if let condition = frame.condition { return condition }
        return method != nil && !names.contains(outerScope, object) ? method : nil
    }

    /// A scope is opened where it is found, or where it will be.
    private mutating func takeScope(
        _ term: Int, _ frame: Frame, _ names: inout AMLNamespace
    ) throws(AMLRefusal) {
        let offset = cursor.at
        let name = try cursor.name(frame.end)
        let object: Int
        if let found = names.find(name, from: frame.scope) {
            object = found
        } else {
            object = try names.place(name, from: frame.scope, at: offset)
        }
        tree.terms[term].object = object
        frames[frames.count - 1].scope = object
    }

    private mutating func takeFields(_ frame: Frame, _ names: inout AMLNamespace) throws(AMLRefusal) {
        while let first = cursor.peek(frame.end) {
            let offset = cursor.at
            guard termsLeft > 0 else { throw AMLRefusal(.tooManyTerms, at: offset) }
            termsLeft -= 1
            switch first {
            case 0x00:
                cursor.at += 1
                try takeFieldLength(frame.end)
            case 0x01: _ = try cursor.number(3, frame.end)
            case 0x02: try takeConnection(frame.end)
            case 0x03: _ = try cursor.number(4, frame.end)
            default:
                guard AMLCursor.startsName(first) else {
                    throw AMLRefusal(.unknownFieldElement(first), at: offset)
                }
                let name = AMLName(segments: [try cursor.segment(frame.end)])
                try takeFieldLength(frame.end)
                let object = try names.place(name, from: frame.scope, at: offset)
                names.declare(
                    object,
                    .init(
                        kind: .other, table: table, offset: offset, condition: frame.condition,
                        isInBody: method != nil))
            }
        }
    }

    /// Bits, written as a package length.
    private mutating func takeFieldLength(_ end: Int) throws(AMLRefusal) {
        let lead = try cursor.byte(end)
        for _ in 0..<Int(lead >> 6) { _ = try cursor.byte(end) }
    }

    /// A name or a buffer.
    private mutating func takeConnection(_ end: Int) throws(AMLRefusal) {
        cursor.at += 1
        if cursor.peek(end) == UInt8(AMLOpcode.buffer.code) {
            cursor.at += 1
            cursor.at = try cursor.packageEnd(end)
        } else {
            _ = try cursor.name(end)
        }
    }
}
