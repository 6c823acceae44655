// One value of a request, wherever it stands: a member of the body, a query parameter, a flag of the command
// line. A reader that takes these is written once, and what is wrong is said in the same words everywhere;
// only the place differs.

/// A value and its place.
public enum WireValue: Sendable {
    case member(JSONNode)
    /// Bare text; the pointer is `?name` for a query parameter.
    case text(String, pointer: String)

    /// The code of whatever is wrong with a bare text: its parameter says the rest.
    public static let textCode = "invalid-value"

    /// The code of a fault at a pointer; `code` is that of a member.
    public static func code(_ code: String, at pointer: String) -> String {
        pointer.hasPrefix("?") ? textCode : code
    }

    public var pointer: String {
        switch self {
        case .member(let node): node.pointer
        case .text(_, let pointer): pointer
        }
    }

    /// Notes a fault at this place; `code` is that of a member.
    public func add(_ code: String, _ detail: @autoclosure () -> String, _ problems: ProblemList) {
        switch self {
        case .member(let node): problems.add(node.pointer, code, detail())
        case .text(_, let pointer): problems.add(pointer, Self.textCode, detail())
        }
    }

    /// A 64-bit number: "0x" and at most 16 significant hex digits, or an integer 0 ... 2^53-1.
    public func u64(_ problems: ProblemList) -> UInt64? {
        switch self {
        case .member(let node): node.u64(problems)
        case .text(let text, _):
            read(Scalar(spelling: text), problems) { scalar throws(ScalarFault) in try scalar.u64() }
        }
    }

    /// Bytes: the same, or a text as people write sizes: 64K, 1.5G, 4 GiB, 4096.
    public func size(_ problems: ProblemList) -> UInt64? {
        switch self {
        case .member(let node): node.size(problems)
        case .text(let text, _):
            read(Scalar(spelling: text), problems) { scalar throws(ScalarFault) in try scalar.size() }
        }
    }

    /// An integer in `bounds`.
    public func int(in bounds: ClosedRange<Int>, _ problems: ProblemList) -> Int? {
        switch self {
        case .member(let node): node.int(in: bounds, problems)
        case .text(let text, _):
            read(Scalar(spelling: text), problems) { scalar throws(ScalarFault) in
                try scalar.int(in: bounds)
            }
        }
    }

    public func bool(_ problems: ProblemList) -> Bool? {
        switch self {
        case .member(let node): node.bool(problems)
        case .text(let text, _):
            read(Scalar(spelling: text), problems) { scalar throws(ScalarFault) in try scalar.bool() }
        }
    }

    /// A string of at most `bytesMax` bytes in UTF-8.
    public func string(bytesMax: Int, _ problems: ProblemList) -> String? {
        switch self {
        case .member(let node): node.string(bytesMax: bytesMax, problems)
        case .text(let text, _):
            read(Scalar(.string, Array(text.utf8)[...]), problems) { scalar throws(ScalarFault) in
                try scalar.string(bytesMax: bytesMax)
            }
        }
    }

    /// The same, without control characters: a name, or another text that sentences repeat.
    public func line(bytesMax: Int, _ problems: ProblemList) -> String? {
        switch self {
        case .member(let node): node.line(bytesMax: bytesMax, problems)
        case .text(let text, _):
            read(Scalar(.string, Array(text.utf8)[...]), problems) { scalar throws(ScalarFault) in
                try scalar.line(bytesMax: bytesMax)
            }
        }
    }

    /// One of a few words.
    @inlinable
    public func choice<Value>(_ values: [(word: String, value: Value)], _ problems: ProblemList) -> Value? {
        switch self {
        case .member(let node): return node.choice(values, problems)
        case .text(let text, _):
            if let place = values.firstIndex(where: { $0.word == text }) { return values[place].value }
            refuseChoice(text, of: values.map(\.word), problems)
            return nil
        }
    }

    @usableFromInline
    func refuseChoice(_ text: String, of words: [String], _ problems: ProblemList) {
        let fault = Scalar(.string, Array(text.utf8)[...]).notOne(of: words)
        add(fault.code, fault.detail, problems)
    }

    /// The elements of an array of at most `countMax`; a bare text is not an array.
    public func elements(countMax: Int, _ problems: ProblemList) -> [WireValue]? {
        switch self {
        case .member(let node):
            return node.elements(countMax: countMax, problems)?.map { .member($0) }
        case .text:
            let fault = ScalarFault.wrongType(expected: "an array", found: .string)
            add(fault.code, fault.detail, problems)
            return nil
        }
    }

    private func read<T>(
        _ scalar: Scalar, _ problems: ProblemList, _ body: (Scalar) throws(ScalarFault) -> T
    ) -> T? {
        do {
            return try body(scalar)
        } catch {
            add(error.code, error.detail, problems)
            return nil
        }
    }
}

/// Where values are found by their names: the members of an object, or the parameters of a query.
public protocol ValueReader {
    var problems: ProblemList { get }
    /// The value of this name, nil when it was not sent.
    mutating func value(_ name: StaticString) -> WireValue?
    /// The value under a name that is data, nil when it was not sent.
    mutating func value(text name: String) -> WireValue?
    /// The value of this name; its absence is a fault.
    mutating func requiredValue(_ name: StaticString) -> WireValue?
}

extension ObjectReader: ValueReader {
    public mutating func value(_ name: StaticString) -> WireValue? { optional(name).map { .member($0) } }
    public mutating func value(text name: String) -> WireValue? { optional(text: name).map { .member($0) } }
    public mutating func requiredValue(_ name: StaticString) -> WireValue? {
        required(name).map { .member($0) }
    }
}
