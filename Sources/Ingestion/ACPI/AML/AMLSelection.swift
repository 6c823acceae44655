// What a host bridge's `_DSM` returns for function 5 of the PCI Firmware Specification 3.3, section 4.6.5,
// where comparing arguments with constants is enough to know: conditions, a compiled Switch, and a constant
// at the end. Linux asks with revision 1 (drivers/acpi/pci_root.c: pci_acpi_preserve_config, Linux 7.2).

extension AMLModel {
    /// Whether `_DSM` function 5 of a device returns 0: the boot configuration is kept. Absent when there is
    /// no `_DSM`, or it returns something else than an integer.
    func preservesConfiguration(_ device: Int) -> AMLFact<Bool> {
        guard let object = child("_DSM", of: device) else { return .absent }
        guard case .method(4, _) = names.objects[object].kind else {
            return .unknown(refusal(.computed, object))
        }
        do {
            try checkDeclaration(object, in: device)
            var selection = AMLSelection(try body(of: object), integerMax)
            // Without a Return, Linux takes what was evaluated last (ACPICA's interpreter slack).
            guard case .returned(let value) = try selection.run(nil, 0) else {
                return .unknown(refusal(.branches, object))
            }
            guard case .integer(let value) = value else { return .absent }
            return .known(value == 0)
        } catch {
            return .unknown(error)
        }
    }
}

/// One walk through a `_DSM` with known arguments. A local that is given an unknown value has none.
struct AMLSelection {
    enum Outcome {
        /// On to the next statement.
        case done
        case left
        case returned(AMLConstant)
    }

    /// E5C937D0-3553-4D7A-9117-EA4D19C3434D, as a buffer holds it.
    static let hostBridgeFunctions: [UInt8] = [
        0xd0, 0x37, 0xc9, 0xe5, 0x53, 0x35, 0x7a, 0x4d, 0x91, 0x17, 0xea, 0x4d, 0x19, 0xc3, 0x43, 0x4d,
    ]
    /// The first three; of the fourth nothing is known.
    private static let arguments: [AMLConstant] = [
        .buffer(hostBridgeFunctions), .integer(1), .integer(5),
    ]

    private let tree: AMLTree
    private var locals: [Int: AMLConstant] = [:]
    /// Names that the method declares, by object.
    private var named: [Int: AMLConstant] = [:]
    private var steps = 0

    private let integerMax: UInt64

    init(_ tree: AMLTree, _ integerMax: UInt64) {
        self.tree = tree
        self.integerMax = integerMax
    }

    /// Carries out the statements in a term, or all; the first `skipped` of them are its operands.
    mutating func run(_ term: Int?, _ skipped: Int, depth: Int = 0) throws(AMLRefusal) -> Outcome {
        /// Whether the last If was taken, for an Else after it.
        var isTaken: Bool?
        for statement in tree.children(of: term).dropFirst(skipped) {
            let opcode = tree.terms[statement].opcode
            try step(statement, depth)
            var outcome = Outcome.done
            switch opcode {
            case .ifElse:
                isTaken = try condition(statement + 1, depth + 1)
                if isTaken == true { outcome = try run(statement, 1, depth: depth + 1) }
            case .otherwise:
                guard let taken = isTaken else { throw refusal(statement) }
                if !taken { outcome = try run(statement, 0, depth: depth + 1) }
            case .whileLoop: outcome = try once(statement, depth)
            case .breakLoop: return .left
            case .returnValue:
                guard let result = tree.returned(statement), let value = try value(result, depth + 1) else {
                    throw refusal(statement)
                }
                return .returned(value)
            case .nameDeclaration: try declare(statement, depth)
            case .store, .copyObject, .toInteger, .toBuffer: _ = try value(statement, depth)
            case .noOperation: break
            default: throw refusal(statement)
            }
            if opcode != .ifElse { isTaken = nil }
            if case .done = outcome { continue }
            return outcome
        }
        return .done
    }

    /// A Switch is compiled to `While (One)`, which its cases or a Break at the end leave.
    private mutating func once(_ loop: Int, _ depth: Int) throws(AMLRefusal) -> Outcome {
        guard tree.terms[loop + 1].opcode == .one else { throw refusal(loop) }
        switch try run(loop, 1, depth: depth + 1) {
        case .left: return .done
        case .returned(let value): return .returned(value)
        case .done: throw refusal(loop)
        }
    }

    private mutating func declare(_ statement: Int, _ depth: Int) throws(AMLRefusal) {
        guard let object = tree.terms[statement].object else { throw refusal(statement) }
        named[object] = try value(statement + 1, depth + 1)
    }

    private mutating func condition(_ index: Int, _ depth: Int) throws(AMLRefusal) -> Bool {
        guard case .integer(let number) = try value(index, depth) else { throw refusal(index) }
        return number != 0
    }

    /// The value of a term; nil when it is not known.
    private mutating func value(_ index: Int, _ depth: Int) throws(AMLRefusal) -> AMLConstant? {
        try step(index, depth)
        let term = tree.terms[index]
        if let number = term.opcode.argument {
            return Self.arguments.indices.contains(number) ? Self.arguments[number] : nil
        }
        if let number = term.opcode.local { return locals[number] }
        let children = tree.children(of: index)
        switch term.opcode {
        case .name:
            guard children.isEmpty, let object = term.object else { throw refusal(index) }
            return named[object]
        case .store, .copyObject: return try keep(value(children[0], depth + 1), in: children[1])
        case .toInteger, .toBuffer:
            let operand = try value(children[0], depth + 1)
            switch (operand, term.opcode == .toInteger) {
            case (.integer, true), (.buffer, false): return try keep(operand, in: children[1])
            default: return try keep(nil, in: children[1])
            }
        case .logicalNot: return .truth(try value(children[0], depth + 1)?.number.map { $0 == 0 })
        case .logicalAnd, .logicalOr, .isEqual, .isGreater, .isLess:
            let left = try value(children[0], depth + 1)
            return .truth(compare(term.opcode, left, try value(children[1], depth + 1)))
        default:
            guard let constant = try? tree.constant(index, max: integerMax) else { throw refusal(index) }
            return constant
        }
    }

    private func compare(_ opcode: AMLOpcode, _ left: AMLConstant?, _ right: AMLConstant?) -> Bool? {
        if opcode == .isEqual, case .buffer(let first)? = left, case .buffer(let second)? = right {
            return first == second
        }
        let (first, second) = (left?.number, right?.number)
        if opcode == .logicalAnd, first == 0 || second == 0 { return false }
        if opcode == .logicalOr, (first ?? 0) != 0 || (second ?? 0) != 0 { return true }
        guard let first, let second else { return nil }
        switch opcode {
        case .logicalAnd, .logicalOr: return opcode == .logicalAnd
        case .isEqual: return first == second
        case .isGreater: return first > second
        case .isLess: return first < second
        default: return nil
        }
    }

    /// Stores a value; nowhere but in locals and in the method's own names.
    private mutating func keep(_ value: AMLConstant?, in target: Int) throws(AMLRefusal) -> AMLConstant? {
        let term = tree.terms[target]
        if let number = term.opcode.local {
            locals[number] = value
        } else if term.opcode == .name, let object = term.object, named[object] != nil {
            named[object] = value
        } else if term.opcode != .zero {
            throw refusal(target)
        }
        return value
    }

    private mutating func step(_ index: Int, _ depth: Int) throws(AMLRefusal) {
        steps += 1
        guard steps <= AMLLimits.selectionStepsMax, depth <= AMLLimits.selectionDepthMax else {
            throw tree.refusal(.callsTooMuch, index)
        }
    }

    private func refusal(_ index: Int) -> AMLRefusal { tree.refusal(.branches, index) }
}

extension AMLConstant {
    /// An integer.
    fileprivate var number: UInt64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    fileprivate static func truth(_ value: Bool?) -> AMLConstant? { value.map { .integer($0 ? .max : 0) } }
}
