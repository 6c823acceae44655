// What a survey asks of every host: only answers to the same question can be added. It is written into each
// part, and two are compared member by member, so that a refusal names what differs.

import AddressSpaces
package import Fleet
package import Ingestion
import JSON
import MSIWindows
package import Machines

/// The question of a survey whose parts are merged.
package struct SurveyQuestion: Sendable {
    /// With the usual ones.
    private var policies = SurveyPolicy.standard
    package var apertureBits = Conditions.apertureBitsDefault
    package var isActiveOnly = true
    package var iommuRegions: [ReservedRegion]?
    package var assumption: MSIAssumption?
    package var preservesPCIConfiguration: Bool?

    package init(constants: [SurveyPolicy] = []) { policies = SurveyPolicy.standard(and: constants) }

    /// Nothing counted yet.
    package var survey: Survey {
        var conditions = Conditions(apertureBits: apertureBits)
        conditions.iommuRegions = iommuRegions
        return Survey(policies: policies, conditions: conditions, isActiveOnly: isActiveOnly)
    }

    private enum Member: CaseIterable {
        case policies, window, activeOnly, apertureBits, iommuRegions, assumption, preservesConfig
    }

    func write(_ writer: inout JSONWriter) {
        for member in Member.allCases { write(member, &writer) }
    }

    /// Nothing where the question says nothing.
    private func write(_ member: Member, _ writer: inout JSONWriter) {
        switch member {
        case .policies: writer.member("policies", strings: policies.map(\.name))
        case .window:
            let demand = survey.demand
            writer.object("window") { writer in
                writer.member("size", hex: demand.size)
                writer.member("alignment", hex: demand.alignment.bytes)
            }
        case .activeOnly: writer.member("active_only", isActiveOnly)
        case .apertureBits: writer.member("aperture_bits", apertureBits)
        case .iommuRegions: if let iommuRegions { writer.iommuRegions(iommuRegions) }
        case .assumption: if let assumption { writer.member("assume", assumption.rawValue) }
        case .preservesConfig:
            if let preservesPCIConfiguration { writer.member("preserve_config", preservesPCIConfiguration) }
        }
    }

    /// `{"aperture_bits":40} where the others have {"aperture_bits":48}`: the first member in which a question
    /// differs from this one; nil where none does.
    func difference(of other: SurveyQuestion) -> String? {
        func text(_ question: SurveyQuestion, _ member: Member) -> String {
            var writer = JSONWriter()
            writer.object { question.write(member, &$0) }
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        for member in Member.allCases {
            let (mine, theirs) = (text(self, member), text(other, member))
            if mine != theirs { return "\(theirs) where they have \(mine)" }
        }
        return nil
    }
}

extension SurveyQuestion {
    /// Reads what `write` wrote; faults go to `problems`, and the result is void then.
    init(_ node: JSONNode, _ problems: ProblemList) {
        self.init()
        guard var reader = ObjectReader(node, problems) else { return }
        let most = SurveyPolicy.standard.count + Limits.surveyConstantsMax
        let list = reader.required("policies")
        let names =
            list?.elements(countMax: most, problems)?
            .compactMap { $0.string(bytesMax: Limits.nameBytesMax, problems) } ?? []
        policies = SurveyPolicy.standard(and: names.compactMap { SurveyPolicy(constantNamed: $0) })
        if let list, policies.map(\.name) != names {
            problems.add(list.pointer, "unknown-value", "These are not policies of this version.")
        }
        if let window = reader.required("window"), var window = ObjectReader(window, problems) {
            for (name, value) in [
                ("size" as StaticString, survey.demand.size), ("alignment", survey.demand.alignment.bytes),
            ] {
                guard let node = window.required(name), let given = node.u64(problems), given != value else {
                    continue
                }
                problems.add(
                    node.pointer, "unknown-value",
                    "This version surveys windows of \(HexLiteral.text(value)).")
            }
            window.finish()
        }
        isActiveOnly = reader.required("active_only")?.bool(problems) ?? true
        if let node = reader.required("aperture_bits"),
            let bits = Condition.apertureBits(.member(node), problems)
        {
            apertureBits = bits
        }
        if let node = reader.optional("iommu_regions") {
            iommuRegions = Condition.iommuRegions(.member(node), problems)
        }
        if let node = reader.optional("assume") {
            assumption = node.choice(WireWords.assumptions, problems)
        }
        if let node = reader.optional("preserve_config") {
            preservesPCIConfiguration = node.bool(problems)
        }
        reader.finish()
    }
}

extension SurveyPolicy {
    /// nil for names of others than constants.
    fileprivate init?(constantNamed name: String) {
        let prefix = "constant_"
        guard name.hasPrefix(prefix), !SurveyPolicy.standard.contains(where: { $0.name == name }),
            let policy = SurveyRequest.constant(
                .text(String(name.dropFirst(prefix.count)), pointer: ""), ProblemList(limit: 1)),
            policy.name == name
        else { return nil }
        self = policy
    }
}
