// Both answers of a placement on hosts whose virtio-iommu decides which regions there are: the hosts as
// firmware describes them, and the same question with what their virtio-iommus may report. What that is, and
// of which devices, is the rule of decisions: PreparedDevice.ifReported.

import MSIWindows
public import Machines

extension Placement {
    /// The placement under regions that virtio-iommus may report.
    public struct IfReported: Hashable, Sendable {
        /// Of all hosts, each once.
        public var regions: [ReservedRegion]
        public var placement: Placement
    }

    /// Adds what follows if the virtio-iommus report MSI regions, and takes back that they decide where the
    /// answer is the same in both cases.
    mutating func addIfReported<Stop: Error>(
        _ question: PlacementQuestion, _ checkpoint: () throws(Stop) -> Void
    ) throws(Stop) {
        // As of nearly all questions.
        guard question.facts.contains(where: { !$0.ifReported.isEmpty }) else { return }
        let used = Set(question.hosts.map(\.facts))
        guard used.contains(where: { !question.facts[$0].ifReported.isEmpty }) else { return }
        let known = used.contains { question.facts[$0].ifReported.first?.regions.isEmpty == false }
        var other = question
        for index in used {
            guard let reported = question.facts[index].ifReported.first, !known || !reported.regions.isEmpty
            else { continue }
            other.facts[index] = reported.facts
        }
        var placement = try Placement.answer(other, checkpoint)
        guard placement.differs(from: self) else {
            return warnings.removeAll { $0.code == .iommuDecidesWindow }
        }
        guard known else { return }
        var seen: Set<ReservedRegion> = []
        var regions: [ReservedRegion] = []
        for (place, host) in question.hosts.enumerated() {
            guard let own = question.facts[host.facts].ifReported.first?.regions, !own.isEmpty else {
                continue
            }
            placement.hosts[place].iommuRegions = own
            regions += own.filter { seen.insert($0).inserted }
        }
        ifReported = [IfReported(regions: regions, placement: placement)]
    }

    /// Whether it is another answer, whatever is said beside it.
    private func differs(from other: Placement) -> Bool {
        func answer(_ placement: Placement) -> Placement {
            var answer = placement
            answer.warnings = []
            return answer
        }
        return answer(self) != answer(other)
    }
}
