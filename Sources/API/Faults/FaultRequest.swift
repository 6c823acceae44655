// The body of POST /v1/fault-explanations as JSON: lines of a kernel log, and on which machine.

import AddressSpaces
import JSON
import Machines

/// A request as it was sent, before its platform is looked up.
struct FaultRequest: Sendable {
    /// The log, a line each; empty when it was wrong.
    var log: [UInt8] = []
    var platform: String?
    var doorbells: [PhysicalAddress] = []
    /// Windows that were moved from the usual places.
    var windows: [IOVARange] = []
    /// What virtio-iommus of the platform report; nil where nobody has said.
    var iommuRegions: [ReservedRegion]?

    /// `{"lines": [...]}` or `{"text": "..."}`, with `platform`, `doorbells`, `windows` and `iommu_regions`; every
    /// fault goes to `problems`.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        log = LogMembers.read(&reader, problems)
        platform = reader.optional("platform")?.string(bytesMax: Limits.platformIDBytesMax, problems)
        if let node = reader.optional("doorbells") {
            doorbells = (node.elements(countMax: Limits.doorbellsPerDecisionMax, problems) ?? [])
                .compactMap { $0.u64(problems).map(PhysicalAddress.init) }
        }
        if let node = reader.optional("windows") {
            windows = (node.elements(countMax: Limits.candidateBasesMax, problems) ?? [])
                .compactMap { IOVARange(wire: $0, problems) }
        }
        if let value = reader.value(Condition.iommuRegions.name) {
            iommuRegions = Condition.iommuRegions(value, problems)
            if platform == nil {
                value.add("conflict", "\"iommu_regions\" needs \"platform\"; send both.", problems)
            }
        }
        reader.finish()
    }
}
