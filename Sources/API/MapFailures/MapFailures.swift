// POST /v1/map-failures: why did mapping memory for a device fail, on which region or limit, and what to
// change.

import AddressSpaces
import HTTP
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Route {
    static let mapFailures: [Route] = [
        .post(
            "explainMapFailures", "/v1/map-failures", scope: .read,
            query: MapFailureRequest.hostParameters + Condition.ofQueries.map(\.word),
            reads: [.plain, .json], lane: .byBody(lightBytesMax: Limits.lightListBytesMax),
            Service.explainMapFailures)
    ]
}

extension MapFailureRequest {
    /// What text/plain says of the host besides conditions.
    static let hostParameters = ["platform", "device", "consumer", "window_source"]
}

extension Service {
    func explainMapFailures(_ context: RequestContext) throws(Problem) -> Response {
        let form = form(context, text: .mapFailures, members: ["lines", "text"])
        let request = try form.isJSON ? mapRequest(inBody: context) : mapRequest(inQuery: context)
        let content: MapFailureLog.Content = try pasted(request.log)
        let (question, resolved) = try mapQuestion(request, content.failures, isInQuery: !form.isJSON)
        let explanations = MapExplanation.explain(content.failures, question)
        return json(200) { writer in
            writer.member("kind", "map_failures")
            writer.array("items") { writer in
                for explanation in explanations.items { writer.mapExplanation(explanation) }
            }
            if let ranges = explanations.ranges { writer.iovaRanges(ranges) }
            writer.member("lines_read", content.linesRead)
            writer.member("lines_ignored", content.linesIgnored)
            writer.member("failures_dropped", content.failuresDropped)
            writer.findings(of: form, content.findings)
            writer.warnings(
                of: resolved.map { [$0.question.device] } ?? [], under: question.conditions,
                for: question.consumer ?? .vfioType1)
            writer.hostFacts(
                resolved?.stated.hostFacts ?? [], ofAny: explanations.items.compactMap(\.consumer))
            writer.model(
                question.conditions.kernel, onX86: resolved?.question.isOfX86 ?? false,
                engine: configuration.version)
        }
    }

    /// Plain text, with the host in the query.
    private func mapRequest(inQuery context: RequestContext) throws(Problem) -> MapFailureRequest {
        let query = context.query
        var request = MapFailureRequest()
        request.log = context.request.body
        request.host.stated = query.conditions()
        request.host.source = query.windowSource()
        request.consumer = query.value("consumer").flatMap { MapFailureRequest.consumer($0, query.problems) }
        switch (context.parameter("platform"), context.parameter("device")) {
        case (let platform?, let device?):
            request.host.subject = .platform(id: platform, device: device)
        case (let platform?, nil): request.platformAlone = platform
        case (nil, .some): query.add("device", "A device needs \"platform\", which names the host.")
        case (nil, nil): break
        }
        try query.check()
        return request
    }

    private func mapRequest(inBody context: RequestContext) throws(Problem) -> MapFailureRequest {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = MapFailureRequest(document.root, problems)
        for parameter in context.plan.query {
            QueryReader.refuseBesideBody(parameter.name, problems)
        }
        guard problems.isEmpty else { throw .semantic(problems) }
        return request
    }

    /// The host that the request names, as a decision would ask about it; a device that the text names will
    /// do where the platform has it, and so will the only device of a platform.
    private func mapQuestion(
        _ request: MapFailureRequest, _ failures: [MapFailure], isInQuery: Bool
    ) throws(Problem) -> (MapQuestion, QuestionResolver.Resolved?) {
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        var host = request.host
        host.consumer = request.consumer ?? .vfioType1
        let prefix = isInQuery ? "?" : "/"
        if let id = request.platformAlone, let entry = platforms.entry(id, at: prefix + "platform", problems)
        {
            let names = failures.flatMap { [$0.device, $0.group.map { "group:\($0)" }] }.compactMap { $0 }
            let isPlain = names.isEmpty && entry.platform.devices.count == 1
            let only = isPlain ? entry.platform.devices.first?.id : nil
            if let name = names.first(where: { entry.device($0) != nil }) ?? only {
                host.subject = .platform(id: id, device: name)
            } else {
                problems.add(
                    prefix + "device", "required",
                    "Name the device: the text names none of this platform. GET /v1/platforms/\(id)/devices lists them."
                )
            }
        }
        // The resolver names members of a body; of a query, names are looked up here.
        if isInQuery, case .platform(let id, let name) = host.subject {
            _ = platforms.entry(id, at: "?platform", problems)?.device(name, at: "?device", problems)
        }
        guard problems.isEmpty else { throw isInQuery ? .parameters(problems) : .semantic(problems) }
        let resolver = QuestionResolver(platforms: platforms, problems: problems)
        let resolved = host.subject == nil ? nil : resolver.resolve(host)
        guard problems.isEmpty else { throw isInQuery ? .parameters(problems) : .semantic(problems) }
        var question = MapQuestion(
            resolved?.question, consumer: request.consumer, conditions: host.stated.conditions)
        question.unsafeInterrupts = resolved?.stated.unsafeInterruptsOfHost ?? [:]
        return (question, resolved)
    }
}
