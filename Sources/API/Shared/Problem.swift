// One refusal, with the facts that the client needs, and its document (RFC 9457). Mistakes that any request
// can make are worded here; what a resource refuses is worded beside its handlers.

import Fleet
import HTTP
package import JSON

/// A problem as it is reported: kind, one sentence, and its place in the request.
package struct Problem: Error, Sendable {
    package var kind: ProblemKind
    /// One sentence that the caller can act on.
    package var detail: String
    /// Places in the request, at most `Limits.problemErrorsMax`.
    package var errors: [JSONProblem]
    /// Places beyond the limit.
    var errorsDropped: Int
    /// What Linux fails with, when it is Linux that refuses.
    var errno: String?
    /// What stands against an agreement, and what would help.
    var blockers: [Placement.Blocker] = []
    var remedies: [Remedy] = []
    /// By what means the window would be had, and which are missing.
    var mechanism: Placement.Mechanism?
    /// Fields that this answer carries besides the usual: Allow, Retry-After, ETag, WWW-Authenticate.
    var headers: HeaderFields

    init(
        _ kind: ProblemKind, _ detail: String, errors: [JSONProblem] = [], errorsDropped: Int = 0,
        errno: String? = nil, headers: HeaderFields = HeaderFields(), retryAfterSeconds: Int? = nil
    ) {
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.errorsDropped = errorsDropped
        self.errno = errno
        self.headers = headers
        if let retryAfterSeconds { self.headers.set("Retry-After", String(retryAfterSeconds)) }
    }
}

extension Problem {
    /// Wrong query parameters.
    static func parameters(_ errors: [JSONProblem]) -> Problem {
        let names = errors.map(\.pointer).joined(separator: ", ")
        return Problem(.invalidParameter, "Correct the query: \(names).", errors: errors)
    }

    /// Wrong query parameters.
    static func parameters(_ list: ProblemList) -> Problem { parameters(list.problems) }

    /// One wrong query parameter.
    static func parameter(_ name: String, _ detail: String) -> Problem {
        parameters([
            JSONProblem(pointer: QueryReader.pointer(name), code: WireValue.textCode, detail: detail)
        ])
    }

    /// A body that is well-formed JSON but not a valid request.
    static func semantic(_ list: ProblemList) -> Problem {
        let count = list.problems.count + list.dropped
        let places = count == 1 ? "1 place" : "\(count) places"
        return Problem(
            .invalidRequest, "The request is wrong in \(places); each is named under errors.",
            errors: list.problems, errorsDropped: list.dropped)
    }

    /// One mistake.
    static func semantic(_ pointer: String, _ code: String, _ detail: String) -> Problem {
        let list = ProblemList(limit: 1)
        list.add(pointer, code, detail)
        return .semantic(list)
    }

    /// A target that cannot be read: 404 for one that cannot exist, 400 for one that is malformed.
    init(_ target: TargetProblem) {
        switch target {
        case .emptySegment(let segment):
            self.init(.notFound, "Path segment \(segment + 1) is empty; send the path without it.")
        case .dotSegment(let segment):
            self.init(.notFound, "Path segment \(segment + 1) is a dot segment; send the path without it.")
        case .notAPath, .empty:
            self.init(.malformedTarget, "The request target is neither a path nor an absolute URL.")
        case .badEscape(let offset):
            self.init(
                .malformedTarget,
                "The percent sign at byte \(offset) of the target needs two hex digits after it.")
        case .controlCharacter(let offset):
            self.init(.malformedTarget, "The target has a control character at byte \(offset).")
        case .invalidUTF8: self.init(.malformedTarget, "The target does not decode to UTF-8.")
        case .tooManyQueryItems(let limit):
            self.init(.malformedTarget, "The target has more than \(limit) query parameters.")
        }
    }

    /// A body that is not JSON, or is beyond the limits for JSON.
    package init(_ error: JSONSyntaxError) {
        let place = "line \(error.line), column \(error.column)"
        switch error.kind {
        case .malformed(let reason):
            self.init(.malformedJSON, "Line \(error.line), column \(error.column): \(reason).")
        case .duplicateKey(let pointer):
            self.init(
                .duplicateKey, "The key at \(place) appears twice in its object.",
                errors: [
                    JSONProblem(
                        pointer: pointer, code: "duplicate-key", detail: "Second occurrence at \(place).")
                ])
        case .tooLarge(let limit):
            self.init(.bodyTooLarge, "The JSON is larger than \(limit) bytes, the limit here.")
        case .tooDeep(let limit):
            self.init(.malformedJSON, "The JSON is nested deeper than \(limit) at \(place).")
        case .tooManyValues(let limit):
            self.init(.malformedJSON, "The JSON has more than \(limit) values at \(place).")
        case .outOfMemory:
            self.init(
                .busy, "There is not enough memory to read the body now.",
                retryAfterSeconds: FlightBudget.Bounds.retryAfterSeconds)
        }
    }
}

extension Problem {
    /// Why the server in front refused on its own.
    init(_ refusal: Responder.Refusal) {
        switch refusal {
        case .ambiguousFraming(let what): self.init(.ambiguousFraming, what)
        case .headTooLarge(let limitBytes):
            self.init(
                .headTooLarge,
                "The head is larger than \(limitBytes) bytes, the limit here; each field and query item counts 64 more."
            )
        case .bodyTooLarge(let limitBytes) where limitBytes == 0:
            self.init(.bodyTooLarge, "This operation takes no body; send none.")
        case .bodyTooLarge(let limitBytes):
            self.init(
                .bodyTooLarge, "The body is larger than \(limitBytes) bytes, the limit here.")
        case .tooSlow(let seconds):
            self.init(.requestTimeout, "The request was not complete within \(seconds) seconds.")
        case .shuttingDown:
            self.init(
                .shuttingDown, "The server is shutting down; send the request to another instance.",
                retryAfterSeconds: 5)
        case .busy(let seconds):
            self.init(
                .busy, "Too many placements, surveys, uploads and the like wait already.",
                retryAfterSeconds: seconds)
        case .noRoom(let seconds):
            self.init(
                .busy, "Bodies and answers under way take all the memory that they may.",
                retryAfterSeconds: seconds)
        }
    }
}

extension Service {
    /// The problem as its document.
    func render(_ problem: Problem, _ head: RequestHead, _ requestID: String) -> Response {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("type", "/problems/\(problem.kind.rawValue)")
            writer.member("title", problem.kind.title)
            writer.member("status", problem.kind.status)
            writer.member("detail", problem.detail)
            writer.member("instance", "urn:iovad:request:\(requestID)")
            writer.member("code", problem.kind.rawValue)
            if let errno = problem.errno { writer.member("errno", errno) }
            if !problem.blockers.isEmpty { writer.blockers(problem.blockers) }
            if let mechanism = problem.mechanism { writer.mechanism(mechanism) }
            if !problem.remedies.isEmpty {
                writer.array("remedies") { writer in problem.remedies.forEach { writer.remedy($0) } }
            }
            if !problem.errors.isEmpty {
                writer.array("errors") { writer in
                    for error in problem.errors.prefix(Limits.problemErrorsMax) {
                        writer.object { writer in
                            writer.member("pointer", error.pointer)
                            writer.member("code", error.code)
                            writer.member("detail", error.detail)
                        }
                    }
                }
                if problem.errorsDropped > 0 { writer.member("errors_dropped", problem.errorsDropped) }
            }
        }
        var headers = problem.headers
        headers.set("Content-Type", MediaType.problem)
        return Response(status: problem.kind.status, headers: headers, body: writer.bytes)
    }
}
