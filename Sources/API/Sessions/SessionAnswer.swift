// Sessions, their domains and what they hold, as members of answers. What an answer says is taken while the
// session's lock is held and written after: a domain itself must not be kept, or its next change would copy
// it.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

/// The representation of a session.
struct SessionSummary: Sendable {
    let id: String
    let owner: String?
    let kernel: KernelProfile
    let revision: UInt64
    let ttlSeconds: Int
    let createdAt: UInt64
    let expiresAt: UInt64
    let domains: [String]
    let iovas: Int

    init(_ session: Session, of entry: SessionEntry, revision: UInt64? = nil) {
        id = session.id
        owner = entry.owner
        kernel = session.kernel
        self.revision = revision ?? session.revision
        ttlSeconds = session.ttlSeconds
        createdAt = session.createdAt
        expiresAt = session.expiresAt
        domains = session.domains.map(\.id)
        iovas = session.liveCount
    }
}

extension JSONWriter {
    mutating func sessionSummary(_ session: SessionSummary) {
        member("id", session.id)
        if let owner = session.owner { member("owner", owner) }
        member("kernel", kernel: session.kernel)
        member("revision", Int(session.revision))
        member("ttl_seconds", session.ttlSeconds)
        member("created_at", Timestamp.text(milliseconds: session.createdAt))
        member("expires_at", Timestamp.text(milliseconds: session.expiresAt))
        member("domains", strings: session.domains)
        member("iovas", session.iovas)
    }
}

/// The representation of a domain.
struct DomainSummary: Sendable {
    let setup: DomainSetup
    let devices: [SessionDevice]
    let window: IOVARange?
    let ranges: [IOVARange]?
    let liveCount: Int
    let heldCount: Int
    let regionCount: Int
    let doorbellCount: Int

    var id: String { setup.id }

    init(_ domain: SessionDomain) {
        setup = domain.setup
        devices = domain.devices
        window = domain.window
        ranges = domain.usableRanges
        liveCount = domain.liveCount
        heldCount = domain.heldCount
        regionCount = domain.regionCount
        doorbellCount = domain.doorbellCount
    }
}

extension JSONWriter {
    /// - Parameter report: what virtio-iommus of the domain's devices change.
    mutating func domainSummary(_ domain: DomainSummary, _ report: DomainReport) {
        domainHead(domain.setup)
        range("aperture", domain.setup.conditions.aperture)
        array("devices") { writer in domain.devices.forEach { writer.sessionDevice($0) } }
        windowMembers(domain)
        member("iovas", domain.liveCount)
        member("held", domain.heldCount)
        member("reserved_regions", domain.regionCount)
        member("doorbells", domain.doorbellCount)
        warnings(
            of: domain.devices, under: domain.setup.conditions, for: domain.setup.consumer,
            dependsOnReport: report.decides)
        guard let other = report.ifReported else { return }
        object("if_iommu_reports_msi") { writer in
            writer.iommuRegions(other.regions)
            writer.windowMembers(other.domain)
            writer.member("reserved_regions", other.domain.regionCount)
            if let errno = other.errno { writer.member("errno", errno.rawValue) }
        }
    }

    /// Where MSIs and mappings of user space go.
    private mutating func windowMembers(_ domain: DomainSummary) {
        if let window = domain.window { range("window", window) }
        guard let ranges = domain.ranges else { return }
        array("iova_ranges") { writer in
            for range in ranges {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
    }

    /// What is not known of devices of a domain, crashes the kernel, or does not count in it.
    ///
    /// - Parameter dependsOnReport: whether the domain depends on what a virtio-iommu reports.
    mutating func warnings(
        of devices: [SessionDevice], under conditions: Conditions, for consumer: Consumer,
        dependsOnReport: Bool = true
    ) {
        let told =
            devices.lazy.map(\.device).warnings(under: conditions, for: consumer)
            .filter { $0.code != .iommuDecidesWindow || dependsOnReport } + devices.unusedFactWarnings
        if !told.isEmpty { warnings(told) }
    }
}

extension JSONWriter {
    /// What a domain was made with: read back by POST .../domains.
    mutating func domainHead(_ setup: DomainSetup) {
        let conditions = setup.conditions
        member("id", setup.id)
        member("consumer", setup.consumer.rawValue)
        key("window_source")
        source(setup.source)
        member("granule", hex: conditions.granule.bytes)
        member("page_size", hex: conditions.pageSize.bytes)
        member("forcedac", conditions.forcesDAC)
        member("isolated_msi", conditions.hasIsolatedMSI)
        member("iommu", conditions.driver.rawValue)
        if let regions = conditions.iommuRegions { iommuRegions(regions) }
        if let flag = conditions.allowsUnsafeInterrupts { member("allow_unsafe_interrupts", flag) }
        member("cache_coherent", conditions.isCacheCoherent)
        if conditions.defaultDomain != .translated {
            member("default_domain", conditions.defaultDomain.rawValue)
        }
        hostFacts(setup.hostFacts, of: setup.consumer)
    }

    mutating func sessionDevice(_ device: SessionDevice) {
        object { writer in
            writer.member("id", device.id)
            if let platform = device.platform { writer.member("platform", platform) }
            writer.member("kind", device.device.kind.rawValue)
            writer.member("dma_limit", hex: device.device.dmaLimit)
        }
    }

    mutating func sessionRegion(_ region: SessionRegion) {
        object { writer in
            writer.rangeMembers(start: region.range.start.value, last: region.range.last.value)
            writer.regionMembers(region)
        }
    }

    mutating func regionMembers(_ region: SessionRegion) {
        member("type", orNull: region.kind?.wireName)
        if let origin = region.origin { member("kind", origin.rawValue) }
        member("provenance", region.provenance)
    }

    mutating func holding(_ holding: Holding) {
        object { $0.holdingMembers(holding) }
    }

    mutating func holdingMembers(_ holding: Holding) {
        range("range", holding.range)
        pages(holding.pages)
        member("kind", holding.kind.rawValue)
    }

    /// A count, so an integer: there is none above 2^52.
    mutating func pages(_ count: UInt64) { member("pages", Int(clamping: count)) }

    mutating func allocatedMembers(_ allocated: Allocated) {
        range("range", allocated.range)
        pages(allocated.pages)
        member("because", allocated.reason.because)
    }

    mutating func doorbellMembers(_ doorbell: MappedDoorbell) {
        member("physical", hex: doorbell.physical.value)
        member("iova", hex: doorbell.iova.value)
        member("page", hex: doorbell.page.value)
        member("because", doorbell.reason.because)
    }
}

extension AllocationReason {
    /// For a person: the layer's own sentence, or the allocator's decisive steps.
    var because: Phrase {
        if let sentence { return Phrase(stringLiteral: sentence) }
        guard var because = steps.first?.phrase else { return "" }
        for step in steps.dropFirst() { because += " \(step.phrase)" }
        return because
    }
}

extension [SessionDevice] {
    /// One for each set of facts that hosts say otherwise.
    fileprivate var unusedFactWarnings: [Warning] {
        var seen: Set<[HostFact]> = []
        return filter { !$0.unusedFacts.isEmpty && seen.insert($0.unusedFacts).inserted }.map {
            Warning(unused: $0.unusedFacts, of: $0.id)
        }
    }
}
