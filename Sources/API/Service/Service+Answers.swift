// What every answer is made of: texts, JSON objects, problems; and the body that a handler reads.

import HTTP
import JSON

extension Service {
    func text(_ status: Int, _ text: String) -> Response {
        Response(
            status: status, headers: HeaderFields([.init("Content-Type", "text/plain; charset=utf-8")]),
            body: Array(text.utf8))
    }

    /// A JSON answer of one value.
    func json(_ value: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        value(&writer)
        return Response(
            status: 200, headers: HeaderFields([.init("Content-Type", MediaType.json)]), body: writer.bytes)
    }

    /// A JSON answer whose members `body` writes.
    func json(
        _ status: Int, headers: [HeaderFields.Field] = [], reservingBytes: Int = 1_024,
        _ body: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(reservingBytes: reservingBytes)
        writer.object(body)
        return Response(
            status: status, headers: HeaderFields([.init("Content-Type", MediaType.json)] + headers),
            body: writer.bytes)
    }

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

    var jsonLimits: JSONLimits {
        JSONLimits(
            bytesMax: Limits.bodyBytesMax, depthMax: Limits.jsonDepthMax, valuesMax: Limits.jsonValuesMax)
    }

    /// The body as JSON.
    func document(
        _ context: RequestContext, bytesMax: Int = Limits.bodyBytesMax, valuesMax: Int = Limits.jsonValuesMax
    ) throws(Problem) -> JSONDocument {
        do {
            return try JSONDocument(
                parsing: context.request.body,
                limits: JSONLimits(
                    bytesMax: bytesMax, depthMax: Limits.jsonDepthMax, valuesMax: valuesMax))
        } catch {
            throw Problem(error)
        }
    }
}
