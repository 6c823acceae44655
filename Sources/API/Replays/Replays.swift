// POST /v1/replays with JSON: an allocator trace on a fresh IOVA domain. Nothing is kept between requests.

import HTTP
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases

extension Route {
    /// Query parameters that apply only to a vector as JSON.
    static let vectorParameters = ["explain", "operation"]
    /// Query parameters that apply only to a kernel's trace as text.
    static let traceParameters =
        ["platform", "device", "doorbell", Condition.defaultDomain.word]
        + Condition.ofQueries.map(\.word)

    static let replays: [Route] = [
        .post(
            "replay", "/v1/replays", scope: .read, query: vectorParameters + traceParameters,
            reads: [
                BodyType(mediaType: MediaType.json, bytesMax: Limits.replayBodyBytesMax),
                BodyType(mediaType: MediaType.plain, bytesMax: Limits.replayBodyBytesMax),
            ], lane: .byBody(lightBytesMax: Limits.lightListBytesMax),
            Service.replay)
    ]
}

extension Service {
    func replay(_ context: RequestContext) throws(Problem) -> Response {
        let form = form(context, text: .trace, members: ["ops", "start_pfn", "granule"])
        if !form.isJSON { return try replayTrace(context, form) }
        try refuse(Route.traceParameters, "a kernel's trace as text", context)
        let level = try explainLevel(context, default: .none)
        let operation = try explainedOperation(context, level)
        let trace = try traceOfVector(context)
        guard level != .none, let explained = operation ?? trace.operations.indices.last else {
            return try answer(trace, form)
        }
        guard trace.operations.indices.contains(explained) else {
            throw .parameter(
                "operation", "The trace has \(trace.operations.count) operations, counted from 0.")
        }
        return try answer(trace, form, explaining: explained, withNotes: level == .full)
    }

    private func traceOfVector(_ context: RequestContext) throws(Problem) -> AllocatorTrace {
        let document = try document(
            context, bytesMax: Limits.replayBodyBytesMax, valuesMax: Limits.replayJSONValuesMax)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = ReplayRequest(document.root, problems)
        guard problems.isEmpty else { throw .semantic(problems) }
        return request.trace
    }

    private func explainedOperation(
        _ context: RequestContext, _ level: ExplainLevel
    ) throws(Problem) -> Int? {
        let query = context.query
        guard let value = query.value("operation") else { return nil }
        guard level != .none else {
            throw .parameter("operation", "\"operation\" needs explain=full or explain=summary.")
        }
        let index = value.int(in: 0...Limits.replayOperationsMax - 1, query.problems)
        try query.check()
        return index
    }

    private func answer(_ trace: AllocatorTrace, _ form: BodyForm) throws(Problem) -> Response {
        var domain = trace.domain(IOVADomain.self)
        do {
            let results = try trace.run(on: &domain)
            return json(200, reservingBytes: bytes(results.count, domain.heldCount)) { writer in
                writer.replayMembers(results, final: domain.heldRanges)
                writer.findings(of: form)
                writer.model(trace.release, engine: configuration.version)
            }
        } catch {
            throw Problem(error)
        }
    }

    private func answer(
        _ trace: AllocatorTrace, _ form: BodyForm, explaining explained: Int, withNotes: Bool
    ) throws(Problem) -> Response {
        var domain = trace.domain(ExplainingDomain.self)
        do {
            let results = try trace.run(
                on: &domain, explaining: explained, stepsMax: Limits.explanationStepsMax)
            return json(200, reservingBytes: bytes(results.count, domain.heldCount)) { writer in
                writer.replayMembers(results, final: domain.heldRanges)
                writer.explanation(
                    operation: explained, steps: domain.recorder.steps, dropped: domain.recorder.dropped,
                    withNotes: withNotes)
                writer.findings(of: form)
                writer.model(trace.release, engine: configuration.version)
            }
        } catch {
            throw Problem(error)
        }
    }

    /// About what an answer takes.
    private func bytes(_ results: Int, _ ranges: Int) -> Int { 1_024 + 12 * results + 24 * ranges }
}
