// The body of POST /v1/surveys: which machines, under which conditions, with which further constants.

import AddressSpaces
package import Fleet
package import JSON
import LinuxReleases
import MSIWindows

/// A survey as the request states it.
package struct SurveyRequest: Sendable {
    /// Ids; nil for every platform that the server knows, unless hosts are given.
    var platforms: [String]?
    var hosts: [PlacementRequest.Host] = []
    /// Whose platforms are surveyed, in place of both.
    private(set) var pool: String?
    var stated = StatedConditions()
    var policies = SurveyPolicy.standard
    var isActiveOnly = true

    var conditions: Conditions { stated.conditions }

    /// Reads the body; every fault goes to `problems`.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        pool = PlacementRequest.pool(&reader, notBeside: ["platforms", "hosts"], problems)
        platforms = reader.optional("platforms")?
            .elements(countMax: Limits.placementHostsMax, problems)?
            .compactMap { $0.string(bytesMax: Limits.platformIDBytesMax, problems) }
        if let nodes = reader.optional("hosts")?.elements(countMax: Limits.placementHostsMax, problems) {
            hosts = nodes.enumerated().compactMap {
                PlacementRequest.host($1, index: $0, problems)
            }
            for host in hosts where !host.options.isEmpty {
                problems.add(
                    "\(host.pointer)/options", "not-for-surveys",
                    "\"options\" applies only to placements.")
            }
        }
        if let node = reader.optional("constants"),
            let nodes = node.elements(countMax: Limits.surveyConstantsMax, problems)
        {
            policies = SurveyPolicy.standard(and: nodes.compactMap { Self.constant(.member($0), problems) })
        }
        stated.read([.kernel, .pageSize, .apertureBits], from: &reader)
        isActiveOnly = reader.optional("active_only").map { $0.bool(problems) ?? true } ?? true
        reader.finish()
    }

    /// A further constant, by the base of its window.
    package static func constant(_ value: WireValue, _ problems: ProblemList) -> SurveyPolicy? {
        guard let base = value.u64(problems),
            WindowDemand.window(at: base, size: WindowSource.mainlineSize, value, problems) != nil
        else { return nil }
        return .constant(base)
    }
}
