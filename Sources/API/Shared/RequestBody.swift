// Bodies of requests: JSON within the limits, or JSON or text where a route reads both. The content type says
// which of the two it is; bytes that are plainly the other are read as that, with a finding, as in uploads of
// platforms.

import HTTP
import Ingestion
import JSON
import Machines

extension Service {
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

/// What a body is read as.
struct BodyForm {
    var isJSON: Bool
    /// nil when the label was right.
    var finding: Finding?
}

extension Service {
    /// What the body is: JSON with one of `members`, or text of `kind`.
    func form(_ context: RequestContext, text kind: InputKind, members: [String]) -> BodyForm {
        let body = context.request.body
        let sniffed = InputKind.sniff(body)
        if context.plan.consumes == MediaType.json {
            // A whole log holds faults too.
            guard sniffed == kind || (kind == .faultLog && sniffed == .bootLog) else {
                return BodyForm(isJSON: true)
            }
            return BodyForm(isJSON: false, finding: InputKind.mismatch([.json], kind, at: "body"))
        }
        // A journal's lines are JSON too, with members of their own.
        guard sniffed == .json, let document = try? JSONDocument(parsing: body, limits: jsonLimits),
            document.root.kind == .object, members.contains(where: { document.root.member($0) != nil })
        else { return BodyForm(isJSON: false) }
        return BodyForm(isJSON: true, finding: InputKind.mismatch([kind], .json, at: "body"))
    }

    /// Where bytes of another kind belong; empty when that is not known, or when they belong to the kind that
    /// was asked for and only lack what it has to contain.
    func elsewhere(_ body: [UInt8], than asked: InputKind) -> String {
        guard let kind = InputKind.sniff(body), kind.use != asked.use else { return "" }
        guard let place = kind.use.place else {
            return " The bytes are JSON: send Content-Type: application/json."
        }
        return " The bytes are \(kind.rawValue): POST them to \(place)."
    }
}

extension InputKind.Use {
    /// Where such input is posted; nil where its members say.
    var place: String? {
        switch self {
        case .traceReplay: "/v1/replays"
        case .faultExplanation: "/v1/fault-explanations"
        case .mapExplanation: "/v1/map-failures"
        case .platform: "/v1/platforms"
        case .any: nil
        }
    }
}

extension JSONWriter {
    /// The finding about the body's content type, and those about its text; nothing when there are none.
    mutating func findings(of form: BodyForm, _ ofText: [Finding] = []) {
        let all = (form.finding.map { [$0] } ?? []) + ofText
        guard !all.isEmpty else { return }
        array("findings") { writer in
            for finding in all { writer.finding(finding) }
        }
    }
}
