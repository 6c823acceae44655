// The parameters of a query, as values that the readers of bodies take too. Unknown and repeated names are
// refused at admission; here the values are read, and those that several resources share have one reader.

import AddressSpaces
import HTTP
import JSON
import MSIWindows

/// A query, read parameter by parameter. Admission has checked the names.
struct QueryReader: ValueReader {
    let problems: ProblemList
    private let items: [QueryItem]

    init(_ items: [QueryItem], _ problems: ProblemList) {
        self.items = items
        self.problems = problems
    }

    func value(_ name: StaticString) -> WireValue? { value(text: name.description) }

    func value(text name: String) -> WireValue? {
        items.first { $0.name == name }.map { .text($0.value, pointer: Self.pointer(name)) }
    }

    func requiredValue(_ name: StaticString) -> WireValue? {
        if let value = value(name) { return value }
        add(name.description, "The parameter \"\(name)\" is missing.")
        return nil
    }

    /// Notes a fault of a parameter, whether it was sent or not.
    func add(_ name: String, _ detail: String) {
        problems.add(Self.pointer(name), WireValue.textCode, detail)
    }

    /// Notes that a parameter belongs into the JSON body that was sent.
    static func refuseBesideBody(_ name: String, _ problems: ProblemList) {
        problems.add(pointer(name), "conflict", "Send this in the JSON body, not in the query.")
    }

    /// Where a parameter stands, as problems name it.
    static func pointer(_ name: String) -> String { "?\(name)" }
}

extension RequestContext {
    /// The query, to be read parameter by parameter; `check` throws its `problems`.
    var query: QueryReader { QueryReader(plan.query, ProblemList(limit: Limits.problemErrorsMax)) }

    /// The value of a query parameter; nil when it was not sent.
    func parameter(_ name: String) -> String? { plan.query.first { $0.name == name }?.value }
}

extension QueryReader {
    /// Throws what was noted so far.
    func check() throws(Problem) {
        guard problems.isEmpty else { throw .parameters(problems) }
    }

    /// A size, an address or a mask.
    func number(_ name: String) -> UInt64? { value(text: name)?.u64(problems) }

    func flag(_ name: String) -> Bool? { value(text: name)?.bool(problems) }

    /// Conditions of a view, of faults and of a kernel's trace.
    func conditions() -> StatedConditions {
        var reader = self
        var stated = StatedConditions()
        stated.read(Condition.ofQueries, from: &reader)
        return stated
    }

    func windowSource() -> WindowSource {
        value("window_source").flatMap { WindowSource($0, problems) } ?? .fixed
    }
}

extension Service {
    func pageLimit(_ context: RequestContext) throws(Problem) -> Int {
        let query = context.query
        let limit = query.value("limit")?.int(in: 1...Limits.pageItemsMax, query.problems)
        try query.check()
        return limit ?? Limits.pageItemsDefault
    }

    /// A page token that counts items.
    func pageOffset(_ context: RequestContext) throws(Problem) -> Int {
        guard let text = context.parameter("page_token") else { return 0 }
        guard let offset = DecimalLiteral.parse(text.utf8).flatMap(Int.init(exactly:)),
            (0...Limits.regionsPerPlatformMax).contains(offset)
        else {
            throw .parameter(
                "page_token", "This is not a value of next_page_token; send one, or leave it out.")
        }
        return offset
    }

    /// false when it was not sent.
    func flag(_ name: String, _ context: RequestContext) throws(Problem) -> Bool {
        let query = context.query
        let flag = query.flag(name)
        try query.check()
        return flag ?? false
    }

    func explainLevel(
        _ context: RequestContext, default level: ExplainLevel
    ) throws(Problem) -> ExplainLevel {
        guard let text = context.parameter("explain") else { return level }
        // A reader of what is fine takes 700 instructions.
        if let known = WireWords.explainLevels.first(where: { $0.word == text }) { return known.value }
        let query = context.query
        let given = query.value(text: "explain")?.choice(WireWords.explainLevels, query.problems)
        try query.check()
        return given ?? level
    }
}
