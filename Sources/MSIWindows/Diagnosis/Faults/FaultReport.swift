// Both explanations of a fault on a machine whose virtio-iommu decides which regions there are: the second is
// made on the same path, for the machine with what its virtio-iommu may report.

import AddressSpaces
public import Machines

extension FaultExplanation {
    /// The explanation under regions that the virtio-iommu may report.
    public struct IfReported: Hashable, Sendable {
        public var regions: [ReservedRegion]
        public var explanation: FaultExplanation
    }

    /// Adds the other explanation, or takes back that a virtio-iommu decides where that is the same.
    mutating func add(_ regions: [ReservedRegion], _ other: FaultExplanation) {
        func answer(_ explanation: FaultExplanation) -> FaultExplanation {
            var answer = explanation
            answer.warnings = []
            return answer
        }
        guard answer(self) != answer(other) else {
            return warnings.removeAll { $0.code == .iommuDecidesWindow }
        }
        if !regions.isEmpty { ifReported = [IfReported(regions: regions, explanation: other)] }
    }
}

extension FaultQuestion {
    /// The same question about the machine with what its virtio-iommu may report, and these regions; nil
    /// where none decides. Without doorbells the regions are not told: see PreparedDevice.ifReported.
    var ifReported: (regions: [ReservedRegion], question: FaultQuestion)? {
        guard conditions.iommuRegions == nil, var machine = platform, machine.firstUndecided != nil else {
            return nil
        }
        let index = DoorbellIndex(machine)
        var told: [ReservedRegion] = []
        var seen: Set<ReservedRegion> = []
        for place in machine.devices.indices where machine.isUndecided(machine.devices[place]) {
            let device = machine.devices[place]
            let own = index.doorbells(of: device)
            let regions = [ReservedRegion].assumedReport(over: own.isEmpty ? doorbells : own)
            told += regions.filter { seen.insert($0).inserted }
            machine.devices[place] = device.reporting(regions.isEmpty ? .assumedAnywhere : regions)
        }
        var other = self
        other.platform = machine
        // What finds devices prepared finds those of the machine as it is described.
        other.preparer = nil
        return (told, other)
    }
}

extension FaultQuestion {
    /// That the request states regions of a virtio-iommu, and the machine has none.
    var unusedWarnings: [Warning] {
        guard conditions.iommuRegions != nil, let platform else { return [] }
        return platform.devices.contains { platform.driver(of: $0) == .virtio } ? [] : [.unusedIOMMURegions]
    }

    /// That a virtio-iommu decides about devices of the machine; empty where none does.
    var undecidedWarnings: [Warning] {
        guard conditions.iommuRegions == nil, let device = platform?.firstUndecided else { return [] }
        return [Warning(code: .iommuDecidesWindow, detail: device.undecidedRemark, range: nil)]
    }

    /// That the machine is an x86 host, where no fault of an SMMU is from.
    var x86Warnings: [Warning] {
        let remark = platform?.devices.lazy.compactMap(\.x86Remark).first
        return remark.map { [Warning(code: .x86Host, detail: $0, range: DriverWindow.x86)] } ?? []
    }

    /// Whether Linux may offer a software window to one of these devices, or where none is known, to any of
    /// the machine: a virtio-iommu that reports an MSI region leaves it out.
    func mayOfferWindow(to found: [PreparedDevice]) -> Bool {
        guard found.isEmpty else { return found.contains(where: \.offersSoftwareWindow) }
        guard let platform, !platform.devices.isEmpty else { return true }
        return platform.devices.contains { device in
            platform.driver(of: device) != .virtio
                || !(conditions.iommuRegions ?? device.firmwareRegions).contains { $0.kind == .msi }
        }
    }
}
