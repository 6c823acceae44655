// How requests go wrong, as problems: one place for the words.

public import HTTP
public import JSON

extension Problem {
    /// Wrong query parameters.
    public static func parameters(_ errors: [JSONProblem]) -> Problem {
        let names = errors.map(\.pointer).joined(separator: ", ")
        return Problem(.invalidParameter, "Correct the query: \(names).", errors: errors)
    }

    /// Wrong query parameters.
    public static func parameters(_ list: ProblemList) -> Problem { parameters(list.problems) }

    /// One wrong query parameter.
    public static func parameter(_ name: String, _ detail: String) -> Problem {
        parameters([
            JSONProblem(pointer: QueryReader.pointer(name), code: WireValue.textCode, detail: detail)
        ])
    }

    /// A body that is sound JSON and means nothing here.
    public static func semantic(_ list: ProblemList) -> Problem {
        let count = list.problems.count + list.dropped
        let places = count == 1 ? "1 place" : "\(count) places"
        return Problem(
            .invalidRequest, "The request is wrong in \(places); each is named under errors.",
            errors: list.problems, errorsDropped: list.dropped)
    }

    /// A target that cannot be read: 404 where it merely names nothing, 400 where it is malformed.
    public init(_ target: TargetProblem) {
        switch target {
        case .emptySegment(let segment):
            self.init(.notFound, "Path segment \(segment + 1) is empty; nothing is there.")
        case .dotSegment(let segment):
            self.init(.notFound, "Path segment \(segment + 1) is a dot segment; send the path without.")
        case .notAPath, .empty:
            self.init(.malformedTarget, "The request target is neither a path nor an absolute URL.")
        case .badEscape(let offset):
            self.init(
                .malformedTarget, "No two hex digits behind the percent sign at byte \(offset) of the target."
            )
        case .controlCharacter(let offset):
            self.init(.malformedTarget, "A control character at byte \(offset) of the target.")
        case .invalidUTF8: self.init(.malformedTarget, "The target does not decode to UTF-8.")
        case .tooManyQueryItems(let limit):
            self.init(.malformedTarget, "More than \(limit) query parameters.")
        }
    }

    /// A body that is not JSON, or not JSON that is read here.
    public init(_ error: JSONSyntaxError) {
        let place = "line \(error.line), column \(error.column)"
        switch error.kind {
        case .malformed(let reason):
            self.init(.malformedJSON, "Line \(error.line), column \(error.column): \(reason).")
        case .duplicateKey(let pointer):
            self.init(
                .duplicateKey, "The key at \(place) stands in its object twice.",
                errors: [
                    JSONProblem(
                        pointer: pointer, code: "duplicate-key", detail: "Second occurrence at \(place).")
                ])
        case .tooLarge(let limit): self.init(.bodyTooLarge, "JSON of more than \(limit) bytes is not read.")
        case .tooDeep(let limit): self.init(.malformedJSON, "Nested deeper than \(limit) at \(place).")
        case .tooManyValues(let limit): self.init(.malformedJSON, "More than \(limit) values at \(place).")
        case .outOfMemory: self.init(.internal, "No memory to read the body.")
        }
    }
}
