// The body of POST /v1/surveys: which machines, under which conditions, with which further constants.

import AddressSpaces
public import FleetQueries
public import MSIWindows
public import WireJSON

/// A survey as it was asked for.
public struct SurveyRequest: Sendable {
    /// Ids; nil for every platform that the server knows, unless hosts are given.
    public var platforms: [String]?
    public var hosts: [PlacementRequest.Host] = []
    public var conditions = Conditions()
    public var policies = SurveyPolicy.standard
    public var isActiveOnly = true

    /// Reads the body; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
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
                    "Options of devices have a meaning for placements only.")
            }
        }
        if let node = reader.optional("constants"),
            let nodes = node.elements(countMax: Limits.surveyConstantsMax, problems)
        {
            policies += nodes.compactMap { Self.constant($0, problems) }
                .filter { !SurveyPolicy.standard.contains($0) }
        }
        if let node = reader.optional("kernel"), let kernel = node.choice(WireWords.kernels, problems) {
            conditions.kernel = kernel
        }
        if let node = reader.optional("page_size") {
            conditions.pageSize = PlacementRequest.pageSize(node, problems)
        }
        if let bits = reader.optional("aperture_bits")?.int(in: Conditions.apertureBitsBounds, problems) {
            conditions.aperture = Conditions(apertureBits: bits).aperture
        }
        isActiveOnly = reader.optional("active_only").map { $0.bool(problems) ?? true } ?? true
        reader.finish()
    }

    private static func constant(_ node: JSONNode, _ problems: ProblemList) -> SurveyPolicy? {
        guard let base = node.u64(problems) else { return nil }
        guard !base.addingReportingOverflow(WindowSource.mainlineSize - 1).overflow else {
            problems.add(node.pointer, "wraps", "A window of 1 MiB there would pass 2^64.")
            return nil
        }
        return .constant(base)
    }
}
