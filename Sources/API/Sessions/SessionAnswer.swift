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
    let kernel: KernelProfile
    let revision: UInt64
    let ttlSeconds: Int
    let createdAt: UInt64
    let expiresAt: UInt64
    let domains: [String]
    let iovas: Int

    init(_ session: Session, revision: UInt64? = nil) {
        id = session.id
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
    mutating func domainSummary(_ domain: DomainSummary) {
        domainHead(domain.setup)
        range("aperture", domain.setup.conditions.aperture)
        array("devices") { writer in domain.devices.forEach { writer.sessionDevice($0) } }
        if let window = domain.window { range("window", window) }
        if let ranges = domain.ranges {
            array("iova_ranges") { writer in
                for range in ranges {
                    writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
                }
            }
        }
        member("iovas", domain.liveCount)
        member("held", domain.heldCount)
        member("reserved_regions", domain.regionCount)
        member("doorbells", domain.doorbellCount)
        warnings(of: domain.devices, under: domain.setup.conditions)
    }

    /// What is not known of devices of a domain, crashes the kernel, or does not count in it.
    mutating func warnings(of devices: [SessionDevice], under conditions: Conditions) {
        let told = devices.lazy.map(\.device).warnings(under: conditions) + devices.unusedFactWarnings
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
    var because: String {
        if let sentence { return sentence }
        return steps.map(\.sentence).joined(separator: " ")
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
