// Both answers where a virtio-iommu decides: the window that Linux offers if the device reports no MSI
// region, and the same question with a region over each doorbell. The second is decided on the same path as
// the first.

import AddressSpaces
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
}

extension Device {
    /// A sentence for a warning; nil where the IOMMU is no virtio-iommu, or it is known what this one
    /// reports.
    public func undecidedRemark(under conditions: Conditions) -> String? {
        guard conditions.driver == .virtio, conditions.iommuRegions == nil, !hasKnownMSIRegions else {
            return nil
        }
        return undecidedRemark
    }
}

extension Platform {
    /// That a virtio-iommu decides about devices of the machine; empty when none does.
    var undecidedWarnings: [Warning] {
        guard let device = firstUndecided else { return [] }
        return [Warning(code: .iommuDecidesWindow, detail: device.undecidedRemark, range: nil)]
    }
}

extension Decision {
    /// The decision under regions that the virtio-iommu may report.
    public struct IfReported: Hashable, Sendable {
        public var regions: [ReservedRegion]
        public var decision: Decision
    }

    /// Adds that the device decides, and what follows if it reports an MSI region. Nothing where nothing is
    /// translated.
    mutating func addIfReported(_ question: Question) {
        if question.conditions.iommuRegions != nil, question.conditions.driver != .virtio {
            warn(
                .iommuRegionsUnused,
                "\"iommu_regions\" is what a virtio-iommu reports; the driver of an SMMU asks nobody, and the list "
                    + "is not used.")
        }
        guard outcome != .identity, let remark = question.subject.undecidedRemark else { return }
        warn(.iommuDecidesWindow, remark, range: window)
        let regions = [ReservedRegion].assumedReport(over: question.doorbells)
        guard !regions.isEmpty else { return }
        var other = question
        other.conditions.iommuRegions = regions
        ifReported = [IfReported(regions: regions, decision: .decide(other))]
    }
}
