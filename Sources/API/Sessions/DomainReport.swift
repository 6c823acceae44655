// Both answers of a domain whose virtio-iommu decides which regions there are: whether the domain depends on
// it, and what the domain is if the virtio-iommu reports an MSI region over each doorbell. The other domain
// is made with the same devices, on the path on which domains are made.

import AddressSpaces
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

/// What a domain has to do with the reports of virtio-iommus.
struct DomainReport {
    /// The domain under regions that the virtio-iommu may report.
    struct IfReported {
        var regions: [ReservedRegion]
        var domain: DomainSummary
        /// What attaching a device to it fails with, where it does.
        var errno: Errno?
    }

    /// Whether the domain depends on a report that nobody has told.
    private(set) var decides = false
    /// nil where it does not, and where no doorbell of the devices is known.
    private(set) var ifReported: IfReported?

    init(_ domain: DomainSummary) {
        let conditions = domain.setup.conditions
        let isOpen = domain.devices.lazy.map(\.device)
            .warnings(under: conditions, for: domain.setup.consumer)
            .contains { $0.code == .iommuDecidesWindow }
        guard isOpen else { return }
        var seen: Set<PhysicalAddress> = []
        let doorbells = domain.devices.flatMap(\.doorbells).filter { seen.insert($0).inserted }
        let regions = [ReservedRegion].assumedReport(over: doorbells)
        let other = Self.domain(domain, reporting: regions.isEmpty ? .assumedAnywhere : regions)
        decides =
            other.errno != nil || other.domain.window != domain.window
            || other.domain.ranges != domain.ranges || other.domain.regionCount != domain.regionCount
        guard decides, !regions.isEmpty else { return }
        ifReported = IfReported(regions: regions, domain: other.domain, errno: other.errno)
    }

    /// The same domain with what the virtio-iommu reports, before its first verb.
    private static func domain(
        _ domain: DomainSummary, reporting regions: [ReservedRegion]
    ) -> (domain: DomainSummary, errno: Errno?) {
        var setup = domain.setup
        setup.conditions.iommuRegions = regions
        var session = Session(
            id: "if-reported", kernel: setup.conditions.kernel, kernelOrigin: .request, createdAt: 0,
            ttlSeconds: 0,
            quota: Limits.sessionQuota)
        var errno: Errno?
        do throws(SessionRefusal) {
            try session.create(setup)
            for device in domain.devices { try session.attach(device, to: setup.id) }
        } catch {
            if case .attachRefused(let refused, _) = error { errno = refused }
        }
        return (session.domains.first.map { DomainSummary($0) } ?? domain, errno)
    }
}
