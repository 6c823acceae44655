// `_DSM` for one question: function 5 of the PCI host bridge, revision 1. The method is followed as long as
// every branch is decided by its arguments and by constants; what it returns has to be a constant.

struct Choice {
    private enum Value {
        case datum(Datum)
        /// For one of these reasons.
        case unknown([Trouble])

        static func unknown(_ trouble: Trouble) -> Value { .unknown([trouble]) }

        var troubles: [Trouble] {
            if case .unknown(let troubles) = self { troubles } else { [] }
        }
    }

    private struct Stuck: Error {
        let troubles: [Trouble]
    }

    private enum Flow {
        case next
        case carryOn
        case leave
        case done(Datum)
    }

    private let facts: Facts
    private var slots: [Int: Value] = [:]
    private var names: [ObjectIdentifier: Value] = [:]
    private var steps = Bound.steps
    /// The one that is followed.
    private var statement: Term?

    /// E5C937D0-3553-4D7A-9117-EA4D19C3434D as ToUUID writes it.
    private static let identifier: [UInt8] = [
        0xd0, 0x37, 0xc9, 0xe5, 0x53, 0x35, 0x7a, 0x4d, 0x91, 0x17, 0xea, 0x4d, 0x19, 0xc3, 0x43, 0x4d,
    ]

    /// Whether function 5 returns the number 0: what firmware configured is kept.
    static func preserves(_ method: Term, _ facts: Facts) -> Said<Bool> {
        let start = method.trouble("not four arguments, or not read")
        if let trouble = method.bodyTrouble { return .unknown([trouble, start]) }
        guard method.number & 7 == 4 else { return .unknown([start]) }
        var choice = Choice(facts: facts)
        let given: [Datum] = [.bytes(identifier), .number(1), .number(5), .list([])]
        for (place, datum) in given.enumerated() {
            choice.slots[Code.arguments.lowerBound + place] = .datum(datum)
        }
        do {
            guard case .done(let datum) = try choice.run(method.body) else {
                return .unknown([method.trouble("no return")] + method.body.map { $0.trouble("no return") })
            }
            // Linux ignores whatever is no number.
            guard case .number(let number) = datum else { return .nothing }
            return .value(number == 0)
        } catch {
            return .unknown(error.troubles + choice.places(choice.statement))
        }
    }

    /// Of a statement that is not followed, and of what its operands consist of.
    private func places(_ term: Term?) -> [Trouble] {
        guard let term else { return [] }
        return [term.trouble("not followed")] + term.operands.flatMap(places)
    }

    private func stuck(_ term: Term, _ words: String) -> Stuck { Stuck(troubles: [term.trouble(words)]) }

    private init(facts: Facts) { self.facts = facts }

    private mutating func run(_ terms: [Term]) throws(Stuck) -> Flow {
        var place = 0
        while place < terms.count {
            let term = terms[place]
            place += 1
            statement = term
            steps -= 1
            guard steps > 0 else { throw stuck(term, "too many steps") }
            try follow(term.operands)
            var flow = Flow.next
            switch term.code {
            case Code.condition:
                let isTrue = try decide(term)
                let hasOther = place < terms.count && terms[place].code == Code.otherwise
                if isTrue { flow = try run(term.body) } else if hasOther { flow = try run(terms[place].body) }
                if hasOther { place += 1 }
            case Code.loop: flow = try loop(term)
            case Code.carryOn: flow = .carryOn
            case Code.leave: flow = .leave
            case Code.hand: flow = .done(try handed(term))
            case Code.name: names[ObjectIdentifier(term.node!)] = value(term.operands[0])
            case Code.noop: break
            case Code.store, Code.copyObject, Code.toInteger, Code.toBuffer: try keep(term)
            default: throw stuck(term, "a statement that is not followed")
            }
            if case .next = flow { continue }
            return flow
        }
        return .next
    }

    /// Whether terms consist of what is followed: written values, arguments, names, comparisons.
    private func follow(_ terms: [Term]) throws(Stuck) {
        for term in terms {
            switch term.code {
            case Code.reference:
                // A name that no table mentions ends the method at run time.
                guard term.operands.isEmpty, facts.loaded.isMentioned(term) else {
                    throw stuck(term, "a call, or an unknown name")
                }
            case Code.toInteger, Code.toBuffer:
                guard term.operands[1].code == Code.missing else { throw stuck(term, "it writes on its way") }
                try follow([term.operands[0]])
            case Code.not, Code.and, Code.or, Code.equal, Code.less,
                Code.greater:
                try follow(term.operands)
            case Code.locals, Code.arguments, Code.missing: break
            default:
                guard facts.datum(term) != .computed else { throw stuck(term, "computed") }
            }
        }
    }

    /// A compiled Switch is a loop that its first round leaves.
    private mutating func loop(_ term: Term) throws(Stuck) -> Flow {
        guard term.operands[0].code == Code.one else { throw stuck(term, "a loop") }
        switch try run(term.body) {
        case .leave: return .next
        case .done(let datum): return .done(datum)
        case .next, .carryOn: throw stuck(term, "a loop")
        }
    }

    private mutating func decide(_ term: Term) throws(Stuck) -> Bool {
        switch value(term.operands[0]) {
        case .datum(.number(let number)): return number != 0
        case .datum: throw stuck(term, "a condition that is no number")
        case .unknown(let troubles): throw Stuck(troubles: troubles)
        }
    }

    private func handed(_ term: Term) throws(Stuck) -> Datum {
        guard let operand = term.operands.first else { throw stuck(term, "nothing is returned") }
        switch value(operand) {
        case .datum(let datum): return datum
        case .unknown(let troubles): throw Stuck(troubles: troubles)
        }
    }

    /// A value goes to a local or to a name of the method's own.
    private mutating func keep(_ term: Term) throws(Stuck) {
        let isStore = term.code == Code.store || term.code == Code.copyObject
        if isStore, [Code.toInteger, Code.toBuffer].contains(term.operands[0].code) {
            try keep(term.operands[0])
        }
        let target = term.operands[1]
        let value = isStore ? value(term.operands[0]) : value(term)
        if Code.locals.contains(target.code) {
            slots[target.code] = value
        } else if target.code == Code.reference, let node = facts.loaded.object(target),
            names[ObjectIdentifier(node)] != nil
        {
            names[ObjectIdentifier(node)] = value
        } else if target.code != Code.missing {
            throw stuck(target, "it writes to something outside")
        }
    }

    private func value(_ term: Term) -> Value {
        func number(_ code: Bool?) -> Value {
            code.map { .datum(.number($0 ? facts.loaded.numberMask : 0)) }
                ?? .unknown(
                    term.operands.flatMap { value($0).troubles } + [
                        term.trouble("not decided by the arguments")
                    ])
        }
        switch term.code {
        case Code.locals, Code.arguments:
            return slots[term.code] ?? .unknown(term.trouble("it has no value here"))
        case Code.reference:
            if let node = facts.loaded.object(term), let known = names[ObjectIdentifier(node)] {
                return known
            }
            return .unknown(term.trouble("something outside the method"))
        case Code.toInteger:
            if case .datum(.number(let number)) = value(term.operands[0]) { return .datum(.number(number)) }
            return .unknown(term.trouble("computed"))
        case Code.toBuffer:
            if case .datum(.bytes(let bytes)) = value(term.operands[0]) { return .datum(.bytes(bytes)) }
            return .unknown(term.trouble("computed"))
        case Code.not: return number(truth(term.operands[0]).map(!))
        case Code.and:
            let (left, right) = (truth(term.operands[0]), truth(term.operands[1]))
            return number(left == false || right == false ? false : left == nil || right == nil ? nil : true)
        case Code.or:
            let (left, right) = (truth(term.operands[0]), truth(term.operands[1]))
            return number(left == true || right == true ? true : left == nil || right == nil ? nil : false)
        case Code.equal, Code.less, Code.greater: return number(comparison(term))
        default:
            let datum = facts.datum(term)
            return datum == .computed ? .unknown(term.trouble("computed")) : .datum(datum)
        }
    }

    private func truth(_ term: Term) -> Bool? {
        guard case .datum(.number(let number)) = value(term) else { return nil }
        return number != 0
    }

    private func comparison(_ term: Term) -> Bool? {
        switch (value(term.operands[0]), value(term.operands[1])) {
        case (.datum(.number(let left)), .datum(.number(let right))):
            switch term.code {
            case Code.equal: left == right
            case Code.less: left < right
            default: left > right
            }
        case (.datum(.bytes(let left)), .datum(.bytes(let right))) where term.code == Code.equal:
            left == right
        case (.datum(.text(let left)), .datum(.text(let right))) where term.code == Code.equal: left == right
        default: nil
        }
    }
}
