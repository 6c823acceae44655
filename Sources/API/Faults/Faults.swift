// POST /v1/fault-explanations: was that fault an MSI, through which window, and what to change.

import AddressSpaces
import HTTP
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Route {
    static let faults: [Route] = [
        .post(
            "explainFaults", "/v1/fault-explanations", scope: .read,
            query: ["platform", "doorbell"] + Condition.ofQueries.map(\.word), reads: [.plain, .json],
            lane: .byBody(lightBytesMax: Limits.lightListBytesMax),
            Service.explainFaults)
    ]
}

extension Service {
    func explainFaults(_ context: RequestContext) throws(Problem) -> Response {
        let query = context.query
        var stated = query.conditions()
        var question = FaultQuestion(conditions: stated.conditions)
        if let doorbell = query.number("doorbell") { question.doorbells = [PhysicalAddress(doorbell)] }
        try query.check()
        var log = context.request.body
        let form = form(context, text: .faultLog, members: ["lines", "text"])
        if form.isJSON {
            log = try read(try document(context), &question, &stated, context)
        } else if let id = context.parameter("platform") {
            let entry = platforms.entry(id, at: "?platform", query.problems)
            try query.check()
            if let entry { question.adopt(entry, platforms, &stated) }
        }
        let content: FaultLog.Content = try pasted(log)
        return answer(FaultExplanation.explain(content.faults, question), content, stated, form)
    }

    private func read(
        _ document: JSONDocument, _ question: inout FaultQuestion, _ stated: inout StatedConditions,
        _ context: RequestContext
    ) throws(Problem) -> [UInt8] {
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = FaultRequest(document.root, problems)
        for name in ["platform", "doorbell"] where context.parameter(name) != nil {
            QueryReader.refuseBesideBody(name, problems)
        }
        stated.conditions.iommuRegions = request.iommuRegions
        if let id = request.platform {
            if let entry = platforms.entry(id, at: "/platform", problems) {
                question.adopt(entry, platforms, &stated)
            }
        }
        guard problems.isEmpty else { throw .semantic(problems) }
        question.doorbells = request.doorbells
        question.windows = request.windows
        return request.log
    }

    private func answer(
        _ explanations: [FaultExplanation], _ content: FaultLog.Content, _ stated: StatedConditions,
        _ form: BodyForm
    ) -> Response {
        json(200) { writer in
            writer.member("kind", "fault_explanations")
            writer.array("items") { writer in
                for explanation in explanations { writer.faultExplanation(explanation) }
            }
            writer.array("other_lines") { writer in
                for other in content.otherLines {
                    writer.object { writer in
                        writer.member("line", other.line)
                        writer.member("text", other.text)
                        writer.member("kind", other.kind.rawValue)
                        if let note = other.note { writer.member("note", note) }
                    }
                }
            }
            writer.member("lines_read", content.linesRead)
            writer.member("lines_ignored", content.linesIgnored)
            writer.member("faults_dropped", content.faultsDropped)
            writer.member("faults_suppressed", content.suppressed)
            writer.member("events_lost", content.eventsLost)
            writer.findings(of: form, content.findings)
            writer.hostFacts(stated.hostFacts, of: .dmaAPI)
            writer.model(stated.conditions.kernel, engine: configuration.version)
        }
    }
}

extension FaultQuestion {
    /// The machine that the fault happened on, as it is stored, with what its host said.
    fileprivate mutating func adopt(
        _ entry: PlatformEntry, _ platforms: PlatformStore, _ stated: inout StatedConditions
    ) {
        platform = entry.platform
        stated.adopt(entry.platform.host)
        stated.adoptDomain(of: nil, on: entry.platform)
        conditions = stated.conditions
        let conditions = conditions
        preparer = { platforms.prepared($0, on: entry, $1, under: conditions) }
    }
}
