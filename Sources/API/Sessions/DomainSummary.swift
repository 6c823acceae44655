// What an answer tells about a domain, taken while its session's lock is held and written after: the domain
// itself must not be kept, or its next change would copy it.

import AddressSpaces
public import JSON
import MSIWindows
public import Sandboxes

/// The representation of a domain.
public struct DomainSummary: Sendable {
    let setup: DomainSetup
    let devices: [SessionDevice]
    let window: IOVARange?
    let ranges: [IOVARange]?
    let liveCount: Int
    let heldCount: Int
    let regionCount: Int
    let doorbellCount: Int

    public var id: String { setup.id }

    public init(_ domain: SessionDomain) {
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
    public mutating func domainSummary(_ domain: DomainSummary) {
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
    }
}
