// Sessions, their domains and what they hold, as members of answers.

import AddressSpaces
import Ingestion
import IOVAAllocation
public import JSON
import Machines
import MSIWindows
public import Sandboxes

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
        if let flag = conditions.allowsUnsafeInterrupts { member("allow_unsafe_interrupts", flag) }
        member("cache_coherent", conditions.isCacheCoherent)
    }

    public mutating func sessionDevice(_ device: SessionDevice) {
        object { writer in
            writer.member("id", device.id)
            if let platform = device.platform { writer.member("platform", platform) }
            writer.member("kind", device.device.kind.rawValue)
            writer.member("dma_limit", hex: device.device.dmaLimit)
        }
    }

    public mutating func sessionRegion(_ region: SessionRegion) {
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

    public mutating func holding(_ holding: Holding) {
        object { $0.holdingMembers(holding) }
    }

    public mutating func holdingMembers(_ holding: Holding) {
        range("range", holding.range)
        pages(holding.pages)
        member("kind", holding.kind.rawValue)
    }

    /// A count, so an integer: there is none above 2^52.
    mutating func pages(_ count: UInt64) { member("pages", Int(clamping: count)) }

    public mutating func allocatedMembers(_ allocated: Allocated) {
        range("range", allocated.range)
        pages(allocated.pages)
        member("because", allocated.reason.because)
    }

    public mutating func doorbellMembers(_ doorbell: MappedDoorbell) {
        member("physical", hex: doorbell.physical.value)
        member("iova", hex: doorbell.iova.value)
        member("page", hex: doorbell.page.value)
        member("because", doorbell.reason.because)
    }
}

extension AllocationReason {
    /// For a person: the layer's own sentence, or the allocator's decisive steps.
    public var because: String {
        if let sentence { return sentence }
        return steps.map(\.sentence).joined(separator: " ")
    }
}
