// POST /v1/decisions and /v1/comparisons: one question, one answer, and why; or one question and the answers
// of several policies and kernels side by side.

import AddressSpaces
import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Route {
    static let decisions: [Route] = [
        .post("decide", "/v1/decisions", scope: .read, query: ["explain"], Service.decide),
        .post("compare", "/v1/comparisons", scope: .read, query: ["explain"], lane: .heavy, Service.compare),
    ]
}

extension Service {
    func decide(_ context: RequestContext) throws(Problem) -> Response {
        // Full by default: most callers want the reason.
        let explain = try explainLevel(context, default: .full)
        let asked = KeptAnswers.Asked(explain, context.request.body)
        if let asked, let kept = keptAnswers.answer(to: asked, in: platforms) {
            return json(200, written: kept)
        }
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        var request = DecisionRequest()
        request.read(document.root, problems)
        let resolved = QuestionResolver(platforms: platforms, problems: problems).resolve(request)
        guard problems.isEmpty, let (question, stated, entry) = consume resolved else {
            throw .semantic(problems)
        }
        // Room for most answers without an explanation: growing costs as much as writing half of one.
        let response = json(200, reservingBytes: 2_048) { writer in
            writer.answer(question, explain)
            writer.hostFacts(stated.hostFacts, of: question.consumer)
            writer.model(
                question.conditions.kernel, onX86: question.isOfX86, engine: configuration.version)
        }
        if let asked, let entry { keptAnswers.keep(response.body, to: asked, about: .init(entry)) }
        return response
    }

    func compare(_ context: RequestContext) throws(Problem) -> Response {
        let explain = try explainLevel(context, default: .none)
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = ComparisonRequest(document.root, problems)
        let resolver = QuestionResolver(platforms: platforms, problems: problems)
        let resolved = resolver.resolve(request.question)
        if let count = resolved?.question.regionsCount, count > Limits.comparisonRegionsMax {
            problems.add(
                "", "too-many",
                "The devices have \(count) regions and ranges; a comparison reads at most "
                    + "\(Limits.comparisonRegionsMax). A single decision can read more.")
        }
        guard problems.isEmpty, let resolved else { throw .semantic(problems) }
        let columns =
            request.kernels?.map { kernel in
                var asked = request.question
                asked.stated.state(kernel)
                // A device found for one kernel is found for all.
                return resolver.resolve(asked) ?? resolved
            } ?? [resolved]
        return json(200) { writer in
            writer.member("kind", "comparison")
            writer.array("items") { writer in
                for entry in request.entries where !context.work.isCancelled {
                    for (question, stated, _) in columns {
                        writer.object { writer in
                            writer.member("policy", entry.name)
                            writer.key("window_source")
                            writer.source(entry.source)
                            writer.member("consumer", entry.consumer.rawValue)
                            var question = question
                            question.source = entry.source
                            question.consumer = entry.consumer
                            question.conditions = stated.conditions(for: entry.consumer)
                            writer.answer(question, explain)
                            writer.hostFacts(stated.hostFacts, of: question.consumer)
                            writer.model(
                                question.conditions.kernel, onX86: question.isOfX86,
                                engine: configuration.version)
                        }
                    }
                }
            }
            let kernels = columns.map(\.question.conditions.kernel)
            writer.model(
                KernelProfile.latest(of: kernels) ?? .newest, onX86: columns.allSatisfy(\.question.isOfX86),
                engine: configuration.version)
        }
    }
}
