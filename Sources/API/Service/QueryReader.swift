// The parameters of a query as values that the readers of bodies take too.

public import HTTP
public import JSON

/// A query, read parameter by parameter. Which names may stand in it is checked before, by the operation.
public struct QueryReader: ValueReader {
    public let problems: ProblemList
    private let items: [QueryItem]

    public init(_ items: [QueryItem], _ problems: ProblemList) {
        self.items = items
        self.problems = problems
    }

    public func value(_ name: String) -> WireValue? {
        items.first { $0.name == name }.map { .text($0.value, pointer: Self.pointer(name)) }
    }

    public func requiredValue(_ name: String) -> WireValue? {
        if let value = value(name) { return value }
        add(name, "The parameter \"\(name)\" is missing.")
        return nil
    }

    /// Notes a fault of a parameter, whether it was sent or not.
    public func add(_ name: String, _ detail: String) {
        problems.add(Self.pointer(name), WireValue.textCode, detail)
    }

    /// Where a parameter stands, as problems name it.
    public static func pointer(_ name: String) -> String { "?\(name)" }
}
