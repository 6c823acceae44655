// Values that AML gives without being run: constants under a name, constants that a method returns at once,
// and buffers that a method returns and that nothing can have changed. Everything else is refused with its
// place.

/// A constant.
enum AMLConstant: Hashable, Sendable {
    case integer(UInt64)
    case text(String)
    case buffer([UInt8])
    /// Integers and strings of a package; other elements are left out.
    case package([AMLConstant])
}

/// A fact that AML states.
enum AMLFact<Value: Sendable>: Sendable {
    /// There is no object of the name.
    case absent
    case known(Value)
    case unknown(AMLRefusal)

    var value: Value? {
        guard case .known(let value) = self else { return nil }
        return value
    }

    func map<Other: Sendable>(_ transform: (Value) -> Other?) -> AMLFact<Other> {
        switch self {
        case .absent: .absent
        case .unknown(let refusal): .unknown(refusal)
        case .known(let value): transform(value).map { .known($0) } ?? .absent
        }
    }
}

extension AMLModel {
    /// What a child of a device says, where it is a constant or a method that returns one.
    /// - Parameter isDeclared: take the value that is declared, whatever stores to the name.
    func constant(_ name: String, of device: Int, asDeclared isDeclared: Bool = false) -> AMLFact<AMLConstant>
    {
        fact(name, of: device) { (object) throws(AMLRefusal) in
            if !isDeclared { try checkStores(object) }
            return try constant(object)
        }
    }

    /// The bytes of `_CRS` or `_DMA` of a device.
    func buffer(_ name: String, of device: Int) -> AMLFact<[UInt8]> {
        fact(name, of: device) { (object) throws(AMLRefusal) in try buffer(object) }
    }

    private func fact<Value: Sendable>(
        _ name: String, of device: Int, _ read: (Int) throws(AMLRefusal) -> Value
    ) -> AMLFact<Value> {
        guard let object = names.child(of: device, name), names.objects[object].kind != .unknown else {
            return .absent
        }
        do {
            try checkDeclaration(object)
            return .known(try read(object))
        } catch {
            return .unknown(error)
        }
    }

    /// An object's one declaration, which is always carried out.
    func checkDeclaration(_ object: Int) throws(AMLRefusal) {
        let declared = names.objects[object]
        if declared.isDeclaredTwice { throw refusal(.declaredTwice, object) }
        if declared.isConditional { throw refusal(.declaredUnderCondition, object) }
    }

    private func constant(_ object: Int) throws(AMLRefusal) -> AMLConstant {
        let declared = names.objects[object]
        switch declared.kind {
        case .data(let term):
            return try trees[declared.table].constant(term + 1)
        case .method:
            let (tree, statements) = try statements(object)
            guard statements.count == 1, let value = tree.returned(statements[0]) else {
                throw statements.first.map { tree.refusal(.branches, $0) } ?? refusal(.branches, object)
            }
            return try tree.constant(value)
        case .unknown, .external, .device, .alias, .other:
            throw refusal(.computed, object)
        }
    }

    /// The bytes of a buffer under a name, or returned by a method: at once, from a name that it declares
    /// just before, or from a name outside that nothing stores to.
    private func buffer(_ object: Int) throws(AMLRefusal) -> [UInt8] {
        let declared = names.objects[object]
        switch declared.kind {
        case .data(let term):
            try checkStores(object)
            return try trees[declared.table].buffer(term + 1)
        case .method: return try returnedBuffer(object)
        case .unknown, .external, .device, .alias, .other:
            throw refusal(.computed, object)
        }
    }

    private func returnedBuffer(_ method: Int) throws(AMLRefusal) -> [UInt8] {
        let (tree, statements) = try statements(method)
        guard let last = statements.last, let result = tree.returned(last) else {
            throw statements.first.map { tree.refusal(.branches, $0) } ?? refusal(.branches, method)
        }
        let value = tree.terms[result]
        switch statements.count {
        case 1:
            guard value.opcode == .name else { return try tree.buffer(result) }
            guard let named = value.object else { throw tree.refusal(.nameUnknown, result) }
            return try outsideBuffer(named, otherwise: tree.refusal(.computed, result))
        case 2:
            let first = tree.terms[statements[0]]
            guard first.opcode == .nameDeclaration, value.opcode == .name, value.object == first.object else {
                throw tree.refusal(.branches, statements[0])
            }
            return try tree.buffer(statements[0] + 1)
        default: throw tree.refusal(.branches, statements[0])
        }
    }

    private func outsideBuffer(
        _ object: Int, otherwise refusal: AMLRefusal
    ) throws(AMLRefusal) -> [UInt8] {
        let declared = names.objects[object]
        guard case .data(let term) = declared.kind, !isLocal(object) else { throw refusal }
        try checkDeclaration(object)
        try checkStores(object)
        return try trees[declared.table].buffer(term + 1)
    }

    /// A method's result is made by each call, so that nothing can store to it.
    private func checkStores(_ object: Int) throws(AMLRefusal) {
        guard case .data = names.objects[object].kind else { return }
        if let store = stores[object] { throw store }
        if let firstUnread {
            throw AMLRefusal(.usersUnread, at: firstUnread.offset, in: firstUnread.table)
        }
    }

    /// A method's statements; it takes no arguments.
    private func statements(_ method: Int) throws(AMLRefusal) -> (AMLTree, [Int]) {
        if case .method(let arguments, _) = names.objects[method].kind, arguments > 0 {
            throw refusal(.takesArguments, method)
        }
        let tree = try body(of: method)
        return (tree, tree.children(of: nil))
    }

    func body(of method: Int) throws(AMLRefusal) -> AMLTree {
        if let refusal = unreadBodies[method] { throw refusal }
        guard let tree = bodies[method] else { throw refusal(.computed, method) }
        return tree
    }
}

extension AMLTree {
    /// What a Return returns; nil when it is another statement, or has no value.
    func returned(_ statement: Int) -> Int? {
        terms[statement].opcode == .returnValue ? children(of: statement).first : nil
    }

    /// The constant that a term is.
    func constant(_ index: Int) throws(AMLRefusal) -> AMLConstant {
        let term = terms[index]
        if let number = integer(term) { return .integer(number) }
        switch term.opcode {
        case .string: return .text(String(decoding: bytes[term.content], as: UTF8.self))
        case .buffer: return .buffer(try buffer(index))
        case .packageData, .variablePackage:
            // A variable package's first term is its size.
            let elements = children(of: index).dropFirst(term.opcode == .variablePackage ? 1 : 0)
            return .package(
                elements.compactMap { element in
                    let inner = terms[element]
                    if let number = integer(inner) { return .integer(number) }
                    guard inner.opcode == .string else { return nil }
                    return .text(String(decoding: bytes[inner.content], as: UTF8.self))
                })
        default: throw refusal(.computed, index)
        }
    }

    private func integer(_ term: AMLTerm) -> UInt64? {
        switch term.opcode {
        case .zero: 0
        case .one: 1
        // Integers have 32 bits in tables of the first revision.
        case .ones: bytes.count > 8 && bytes[8] < 2 ? UInt64(UInt32.max) : .max
        case .byteConstant, .wordConstant, .dwordConstant, .qwordConstant: term.value
        default: nil
        }
    }

    /// The bytes of a buffer of a constant size; they are followed by zeros up to the size.
    func buffer(_ index: Int) throws(AMLRefusal) -> [UInt8] {
        let term = terms[index]
        guard term.opcode == .buffer else {
            throw refusal(term.opcode == .name ? .computed : .notABuffer, index)
        }
        guard let size = integer(terms[index + 1]) else { throw refusal(.computed, index + 1) }
        guard max(size, UInt64(term.content.count)) <= UInt64(AMLLimits.bufferBytesMax) else {
            throw refusal(.bufferTooLarge, index)
        }
        return Array(bytes[term.content])
            + [UInt8](repeating: 0, count: max(0, Int(size) - term.content.count))
    }
}
