// Every answer that an object of a device may give to a question of yes or no: where its value is decided
// when AML runs, the terms often show all that there can be. A device whose `_HID` is one of two strings is
// no host bridge when neither says so.

/// What a value is asked.
enum AMLQuestion: Hashable {
    /// Of `_HID` and `_CID`: whether they name a PCI host bridge.
    case isHostBridge
    /// Of `_STA`: whether Linux looks at the device and at what is in it. It does when the device is present,
    /// or not present and working (drivers/acpi/scan.c: acpi_bus_attach, acpi_device_is_present, Linux 7.2).
    case isPresent
    /// Of `_CRS`: whether there are resources in it that the device passes on, as a host bridge does.
    case passesOn

    private static let bridgeIDs: Set<AMLConstant> = [
        .integer(0x030a_d041), .integer(0x080a_d041), .text("PNP0A03"), .text("PNP0A08"),
    ]
    private static let presentOrWorking: UInt64 = 1 | 8

    /// nil for a value of a kind that the object must not have.
    func answer(_ value: AMLConstant) -> Bool? {
        switch (self, value) {
        case (.isHostBridge, .package(let ids)): ids.contains(where: Self.bridgeIDs.contains)
        case (.isHostBridge, _): Self.bridgeIDs.contains(value)
        case (.isPresent, .integer(let bits)): bits & Self.presentOrWorking != 0
        case (.isPresent, _): nil
        case (.passesOn, .buffer(let bytes)):
            (try? ResourceTemplate(bytes)).map { $0.spaces.contains(where: \.isProduced) }
        case (.passesOn, _): nil
        }
    }
}

/// The answers that an object may give.
struct AMLPossible {
    var isYes = false
    var isNo = false
    /// Why it may be something that no term shows.
    var doubt: AMLRefusal?
    /// It is declared only if a condition holds.
    var mayBeMissing = false

    fileprivate mutating func add(_ other: AMLPossible) {
        isYes = isYes || other.isYes
        isNo = isNo || other.isNo
        doubt = doubt ?? other.doubt
    }

    fileprivate mutating func add(_ answer: Bool?, _ refusal: @autoclosure () -> AMLRefusal) {
        switch answer {
        case true?: isYes = true
        case false?: isNo = true
        case nil: doubt = doubt ?? refusal()
        }
    }
}

/// Answers that are found already: many devices may share what they return, and what is around them.
final class AMLAnswers {
    struct Value: Hashable {
        let question: AMLQuestion
        let table: Int
        let term: Int
    }

    /// Of terms of tables; a method's body has one user.
    var values: [Value: AMLPossible] = [:]
    /// By device.
    var presence: [Int: AMLFact<Bool>] = [:]
}

extension AMLModel {
    /// More declarations of one name are not looked at.
    private static let declarationsMax = 16

    /// What a child of a device may answer; nil where it has none.
    func possible(_ name: String, of device: Int, _ question: AMLQuestion) -> AMLPossible? {
        guard let object = child(name, of: device) else { return nil }
        var possible = AMLPossible(mayBeMissing: true)
        let declarations = names.declarations(of: object)
        if declarations.isEmpty { possible.doubt = refusal(.nameUnknown, object) }
        for (place, declaration) in declarations.enumerated() {
            if isCarriedOut(declaration.condition, with: device) { possible.mayBeMissing = false }
            if place > 0, case .method = declaration.kind {
                possible.add(nil, AMLRefusal(.declaredTwice, at: declaration.offset, in: declaration.table))
            } else {
                possible.add(answers(of: object, declaration, question))
            }
        }
        return possible
    }

    /// Whether a declaration is carried out whenever its device is declared.
    func isCarriedOut(_ condition: AMLNamespace.Condition?, with device: Int) -> Bool {
        condition == nil || condition == names.objects[device].condition
    }

    private func answers(
        of object: Int, _ declaration: AMLNamespace.Declaration, _ question: AMLQuestion
    ) -> AMLPossible {
        switch declaration.kind {
        case .data(let term) where !declaration.isInBody:
            return answers(of: object, trees[declaration.table], term, question)
        case .method: return returnedAnswers(object, question)
        case .data, .unknown, .external, .device, .alias, .other:
            // A Name that a method declares for another device says what it is when the method has run.
            return AMLPossible(
                isYes: declaration.isInBody,
                doubt: AMLRefusal(.computed, at: declaration.offset, in: declaration.table))
        }
    }

    /// Of a Name: what it declares, and what terms store to it.
    private func answers(
        of object: Int, _ tree: AMLTree, _ term: Int, _ question: AMLQuestion
    ) -> AMLPossible {
        var possible = answers(tree, term + 1, question)
        let stored = storedValues(of: object, isNumber: tree.integer(term + 1, max: .max) != nil)
        for constant in stored.constants {
            possible.add(question.answer(constant), refusal(.computed, object))
        }
        possible.add(AMLPossible(doubt: stored.other))
        // What cannot be read may switch a device off; it is no reason to take every device for a bridge.
        if question == .isPresent, let firstUnread, !isLocal(object) {
            possible.add(nil, AMLRefusal(.usersUnread, at: firstUnread.offset, in: firstUnread.table))
        }
        return possible
    }

    /// Of a term, where its value is written down.
    func answers(_ tree: AMLTree, _ term: Int, _ question: AMLQuestion) -> AMLPossible {
        let key = AMLAnswers.Value(question: question, table: tree.table, term: term)
        if !tree.isBody, let known = answers.values[key] { return known }
        var possible = AMLPossible()
        do {
            possible.add(
                question.answer(try tree.constant(term, max: integerMax)), tree.refusal(.computed, term))
            // An element that is a name is what the name is.
            let elements = tree.terms[term..<tree.terms[term].next]
            if let name = elements.firstIndex(where: { $0.opcode == .name }) {
                possible.add(nil, tree.refusal(.computed, name))
            }
        } catch {
            possible.doubt = error
        }
        if !tree.isBody { answers.values[key] = possible }
        return possible
    }

    /// What the Returns of a method return, wherever they stand.
    private func returnedAnswers(_ method: Int, _ question: AMLQuestion) -> AMLPossible {
        guard case .method(0, _) = names.objects[method].kind else {
            return AMLPossible(doubt: refusal(.takesArguments, method))
        }
        let tree: AMLTree
        do { tree = try body(of: method) } catch { return AMLPossible(doubt: error) }
        var possible = AMLPossible()
        // Without a Return, Linux takes what was evaluated last (ACPICA's interpreter slack): the truth of a
        // condition, which is no name and no buffer.
        if question == .isPresent, !tree.endsReturning(nil) { possible.doubt = refusal(.branches, method) }
        var seen: Set<Int> = []
        for statement in tree.terms.indices where tree.terms[statement].opcode == .returnValue {
            guard let result = tree.returned(statement) else {
                possible.add(nil, tree.refusal(.branches, statement))
                continue
            }
            let value = tree.terms[result]
            if value.opcode != .name {
                possible.add(answers(tree, result, question))
            } else if let named = value.object, value.next == result + 1 {
                guard seen.insert(named).inserted else { continue }
                possible.add(namedAnswers(named, tree, result, question))
            } else {
                possible.add(nil, tree.refusal(value.object == nil ? .nameUnknown : .computed, result))
            }
        }
        return possible
    }

    /// Of a name that a method returns: its own one, or one outside.
    private func namedAnswers(
        _ named: Int, _ tree: AMLTree, _ result: Int, _ question: AMLQuestion
    ) -> AMLPossible {
        let declarations = names.declarations(of: named)
        guard (1...Self.declarationsMax).contains(declarations.count) else {
            return AMLPossible(doubt: tree.refusal(declarations.isEmpty ? .nameUnknown : .computed, result))
        }
        var possible = AMLPossible()
        for declaration in declarations {
            guard case .data(let term) = declaration.kind,
                let home = [tree, trees[declaration.table]].first(where: { $0.declares(named, term) })
            else {
                possible.add(nil, tree.refusal(.computed, result))
                continue
            }
            possible.add(answers(of: named, home, term, question))
        }
        return possible
    }
}

extension AMLTree {
    fileprivate func declares(_ object: Int, _ term: Int) -> Bool {
        terms.indices.contains(term) && terms[term].opcode == .nameDeclaration && terms[term].object == object
    }

    /// Whether statements end with a Return on every way through Ifs and Elses.
    func endsReturning(_ term: Int?, skipping operands: Int = 0) -> Bool {
        var statements = children(of: term).dropFirst(operands)
        while let last = statements.popLast() {
            switch terms[last].opcode {
            case .returnValue: return true
            case .otherwise:
                guard let before = statements.last, terms[before].opcode == .ifElse,
                    endsReturning(before, skipping: 1)
                else { return false }
                return endsReturning(last)
            case .noOperation: continue
            default: return false
            }
        }
        return false
    }
}
