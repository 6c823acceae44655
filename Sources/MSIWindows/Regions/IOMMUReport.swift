// Both answers where a virtio-iommu decides: the window that Linux offers if the device reports no MSI
// region, and the same question with a region over each doorbell. The second is decided on the same path as
// the first.

public import AddressSpaces
public import Machines

extension PreparedDevice {
    /// A sentence for a warning; nil where the IOMMU is no virtio-iommu, or it is known what this one
    /// reports.
    public var undecidedRemark: String? { source.undecidedRemark(under: conditions) }

    /// The same device, had its virtio-iommu reported these regions.
    public func reporting(_ regions: [ReservedRegion]) -> PreparedDevice {
        var conditions = conditions
        conditions.iommuRegions = regions
        return PreparedDevice(source, under: conditions)
    }

    /// The same device, had its virtio-iommu reported a region over each doorbell; nil where it is known what
    /// the virtio-iommu reports. Without doorbells no place of a region can be told, and `regions` is empty:
    /// the device then only shows whether an answer depends on the report.
    public func ifReported(over doorbells: [PhysicalAddress]) -> IfReported? {
        guard undecidedRemark != nil else { return nil }
        let regions = [ReservedRegion].assumedReport(over: doorbells)
        return IfReported(
            regions: regions, device: reporting(regions.isEmpty ? .assumedAnywhere : regions))
    }

    /// A device under regions that its virtio-iommu may report.
    public struct IfReported: Sendable {
        public let regions: [ReservedRegion]
        public let device: PreparedDevice
    }
}

extension Device {
    /// A sentence for a warning; nil where the IOMMU is no virtio-iommu, or it is known what this one
    /// reports.
    func undecidedRemark(under conditions: Conditions) -> String? {
        guard conditions.driver == .virtio, conditions.iommuRegions == nil, !hasKnownMSIRegions else {
            return nil
        }
        return undecidedRemark
    }
}

extension Decision {
    /// The decision under regions that the virtio-iommu may report.
    public struct IfReported: Hashable, Sendable {
        public var regions: [ReservedRegion]
        public var decision: Decision
    }

    /// Adds that the device decides, and what follows if it reports an MSI region. Nothing where the answer
    /// is the same in both cases.
    mutating func addIfReported(_ question: Question) {
        if question.conditions.hasUnusedIOMMURegions {
            warn(.iommuRegionsUnused, Conditions.unusedIOMMURegions)
        }
        guard question.conditions.translates(for: question.consumer),
            let remark = question.subject.undecidedRemark
        else { return }
        let regions = [ReservedRegion].assumedReport(over: question.doorbells)
        var other = question
        other.conditions.iommuRegions = regions.isEmpty ? .assumedAnywhere : regions
        let decision = Decision.decide(other)
        guard decision.differs(from: self) else { return }
        warn(.iommuDecidesWindow, remark, range: window)
        // Where a region would be is not known without a doorbell.
        if !regions.isEmpty { ifReported = [IfReported(regions: regions, decision: decision)] }
    }

    /// Whether it is another answer, whatever is said beside it.
    private func differs(from other: Decision) -> Bool {
        func answer(_ decision: Decision) -> Decision {
            var answer = decision
            answer.warnings = []
            answer.ifReported = []
            return answer
        }
        return answer(self) != answer(other)
    }
}

extension Conditions {
    /// Whether the question states what a virtio-iommu reports, and another driver is asked about.
    public var hasUnusedIOMMURegions: Bool { iommuRegions != nil && driver != .virtio }

    /// What to say then.
    public static let unusedIOMMURegions =
        "\"iommu_regions\" is what a virtio-iommu reports; the driver of an SMMU asks nobody, and the list "
        + "is not used."
}

extension Warning {
    static var unusedIOMMURegions: Warning {
        Warning(code: .iommuRegionsUnused, detail: Conditions.unusedIOMMURegions, range: nil)
    }
}
