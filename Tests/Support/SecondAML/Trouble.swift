// Why the second reader does not read something, and where: the number of the table and the offset in it. A
// fact can be unknown for several reasons at once, and all of them are kept, so that a test can ask whether
// the one that another reader names is among them.

/// One reason, at one place.
public struct Trouble: Error, Hashable, CustomStringConvertible {
    public let table: Int
    public let offset: Int
    public let words: String

    public var description: String { "table \(table), 0x\(String(offset, radix: 16)): \(words)" }
}

/// What the tables say of one thing.
public enum Said<Value> {
    case nothing
    case value(Value)
    /// At least one reason.
    case unknown([Trouble])

    public var value: Value? {
        if case .value(let value) = self { value } else { nil }
    }

    public var troubles: [Trouble] {
        if case .unknown(let troubles) = self { troubles } else { [] }
    }

    func map<Other>(_ change: (Value) -> Said<Other>) -> Said<Other> {
        switch self {
        case .nothing: .nothing
        case .value(let value): change(value)
        case .unknown(let troubles): .unknown(troubles)
        }
    }
}

/// Bounds, far above what compilers write; the first two that a table can tell are those of `/v1/limits`.
enum Bound {
    static let depth = 200
    static let bufferBytes = 64 << 10
    static let pathSegments = 32
    static let steps = 10_000
}
