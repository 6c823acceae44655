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

    var isAbsent: Bool {
        switch self {
        case .absent: true
        case .known, .unknown: false
        }
    }

    func map<Other: Sendable>(_ transform: (Value) -> Other) -> AMLFact<Other> {
        switch self {
        case .absent: .absent
        case .unknown(let refusal): .unknown(refusal)
        case .known(let value): .known(transform(value))
        }
    }
}

extension AMLModel {
    /// What a child of a device says, where it is a constant or a method that returns one.
    func constant(_ name: String, of device: Int) -> AMLFact<AMLConstant> {
        fact(name, of: device) { (tree, term) throws(AMLRefusal) in
            try tree.constant(term, max: integerMax)
        }
    }

    /// The integer that a child of a device says.
    func number(_ name: String, of device: Int) -> AMLFact<UInt64> {
        fact(name, of: device) { (tree, term) throws(AMLRefusal) in
            guard case .integer(let number) = try tree.constant(term, max: integerMax) else {
                throw tree.refusal(.notAnInteger, term)
            }
            return number
        }
    }

    /// The bytes of `_CRS` or `_DMA` of a device.
    func buffer(_ name: String, of device: Int) -> AMLFact<[UInt8]> {
        fact(name, of: device) { (tree, term) throws(AMLRefusal) in try tree.buffer(term) }
    }

    /// The child of a device that has a fact; nil where no table mentions one.
    func child(_ name: String, of device: Int) -> Int? {
        names.child(of: device, name).flatMap { names.objects[$0].kind == .unknown ? nil : $0 }
    }

    private func fact<Value: Sendable>(
        _ name: String, of device: Int, _ read: (AMLTree, Int) throws(AMLRefusal) -> Value
    ) -> AMLFact<Value> {
        guard let object = child(name, of: device) else { return .absent }
        do {
            let (tree, term) = try value(of: object, in: device)
            return .known(try read(tree, term))
        } catch {
            return .unknown(error)
        }
    }

    /// An object's one declaration, which is carried out whenever its device is declared.
    func checkDeclaration(_ object: Int, in device: Int) throws(AMLRefusal) {
        let declared = names.objects[object]
        if declared.isDeclaredTwice { throw refusal(.declaredTwice, object) }
        // What a method declares outside of itself is there when the method has run.
        if declared.isInBody || !isCarriedOut(declared.condition, with: device) {
            throw refusal(.declaredUnderCondition, object)
        }
    }

    /// The term that is an object's value: of a name, or what a method returns.
    /// - Parameter asDeclared: take the value that is declared, whatever stores to the name.
    func value(
        of object: Int, in device: Int, asDeclared: Bool = false
    ) throws(AMLRefusal) -> (AMLTree, Int) {
        try checkDeclaration(object, in: device)
        let declared = names.objects[object]
        switch declared.kind {
        case .data(let term):
            if !asDeclared { try checkStores(object, term) }
            return (trees[declared.table], term + 1)
        case .method: return try returned(object, in: device, asDeclared: asDeclared)
        case .external: throw refusal(.nameUnknown, object)
        case .unknown, .device, .alias, .other: throw refusal(.computed, object)
        }
    }

    /// What a method returns: a value at once, a name that it declares just before, or a name outside that
    /// nothing stores to.
    private func returned(
        _ method: Int, in device: Int, asDeclared: Bool
    ) throws(AMLRefusal) -> (AMLTree, Int) {
        let (tree, statements) = try statements(method)
        guard let last = statements.last, let result = tree.returned(last) else {
            throw statements.first.map { tree.refusal(.branches, $0) } ?? refusal(.branches, method)
        }
        let value = tree.terms[result]
        switch statements.count {
        case 1:
            guard value.opcode == .name else { return (tree, result) }
            guard let named = value.object else { throw tree.refusal(.nameUnknown, result) }
            guard case .data = names.objects[named].kind, !isLocal(named) else {
                throw tree.refusal(.computed, result)
            }
            return try self.value(of: named, in: device, asDeclared: asDeclared)
        case 2:
            let first = tree.terms[statements[0]]
            guard first.opcode == .nameDeclaration, value.opcode == .name, value.object == first.object else {
                throw tree.refusal(.branches, statements[0])
            }
            return (tree, statements[0] + 1)
        default: throw tree.refusal(.branches, statements[0])
        }
    }

    /// A method's result is made by each call, so that nothing can store to it.
    private func checkStores(_ object: Int, _ term: Int) throws(AMLRefusal) {
        let isNumber = trees[names.objects[object].table].integer(term + 1, max: .max) != nil
        if let store = store(to: object, isNumber: isNumber) { throw store }
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

    /// The constant that a term is; no integer is greater than `max`.
    func constant(_ index: Int, max: UInt64) throws(AMLRefusal) -> AMLConstant {
        if let number = integer(index, max: max) { return .integer(number) }
        let term = terms[index]
        switch term.opcode {
        case .string: return .text(String(decoding: bytes[term.content], as: UTF8.self))
        case .buffer: return .buffer(try buffer(index))
        case .packageData, .variablePackage:
            // A variable package's first term is its size.
            if term.opcode == .variablePackage, integer(index + 1, max: max) == nil {
                throw refusal(.computed, index + 1)
            }
            let elements = children(of: index).dropFirst(term.opcode == .variablePackage ? 1 : 0)
            return .package(
                elements.compactMap { element in
                    if let number = integer(element, max: max) { return .integer(number) }
                    let inner = terms[element]
                    guard inner.opcode == .string else { return nil }
                    return .text(String(decoding: bytes[inner.content], as: UTF8.self))
                })
        default: throw refusal(.computed, index)
        }
    }

    /// Integers are cut to the width of `max`.
    func integer(_ index: Int, max: UInt64) -> UInt64? {
        switch terms[index].opcode {
        case .zero: 0
        case .one: 1
        case .ones: max
        case .byteConstant, .wordConstant, .dwordConstant, .qwordConstant: terms[index].value & max
        default: nil
        }
    }

    /// The bytes of a buffer of a constant size; they are followed by zeros up to the size.
    func buffer(_ index: Int) throws(AMLRefusal) -> [UInt8] {
        let term = terms[index]
        guard term.opcode == .buffer else {
            throw refusal(term.opcode == .name ? .computed : .notABuffer, index)
        }
        guard let size = integer(index + 1, max: .max) else { throw refusal(.computed, index + 1) }
        guard Swift.max(size, UInt64(term.content.count)) <= UInt64(AMLLimits.bufferBytesMax) else {
            throw refusal(.bufferTooLarge, index)
        }
        return Array(bytes[term.content])
            + [UInt8](repeating: 0, count: Swift.max(0, Int(size) - term.content.count))
    }
}
