// POST /v1/decisions: one question, one answer, and why.

import APIContract
import AddressSpaces
import HTTPMessages
import MSIWindows
import Platforms
import WireJSON

extension Service {
    func decide(_ context: RequestContext) throws(Problem) -> Response {
        // Told in full by default: the reason is what people come for.
        let explain = try explainLevel(context, default: .full)
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = DecisionRequest(document.root, problems)
        let question = question(request, problems)
        guard problems.isEmpty, let question else { throw .semantic(problems) }
        // One path decides; the recorder only listens.
        switch explain {
        case .none: return answer(question, Decision.decide(question), explanation: nil)
        case .summary, .full:
            var recorder = StepRecorder(limit: Limits.explanationStepsMax)
            let decision = Decision.decide(question, recorder: &recorder)
            // A summary leaves out what was only noted on the way.
            let steps = recorder.steps.filter { explain == .full || $0.verdict != .noted }
            return answer(question, decision, explanation: (steps, recorder.dropped))
        }
    }

    /// The question with its platform looked up.
    private func question(_ request: DecisionRequest, _ problems: ProblemList) -> Question? {
        switch request.subject {
        case .inline(let device, let usable):
            return Question(
                device: device, usable: usable, consumer: request.consumer, source: request.source,
                conditions: request.conditions, doorbells: request.doorbells ?? [])
        case .platform(let id, let name):
            guard let entry = platforms.entry(id) else {
                problems.add(
                    "/platform", "unknown-platform",
                    "No platform \"\(shown(id))\"; GET /v1/platforms lists them.")
                return nil
            }
            guard let device = entry.device(name) else {
                problems.add(
                    "/device", "unknown-device",
                    "No device \"\(shown(name))\" on \(entry.id); GET /v1/platforms/\(entry.id)/devices lists them."
                )
                return nil
            }
            return Question(
                device: device, consumer: request.consumer, source: request.source,
                conditions: request.conditions, doorbells: request.doorbells ?? entry.doorbells(of: device))
        case nil: return nil
        }
    }

    private func answer(
        _ question: Question, _ decision: Decision, explanation: (steps: [Step], dropped: Int)?
    ) -> Response {
        json(200) { writer in
            writer.decisionMembers(decision)
            if let explanation { writer.explanation(steps: explanation.steps, dropped: explanation.dropped) }
            writer.model(question.conditions.kernel, engine: configuration.version)
        }
    }
}
