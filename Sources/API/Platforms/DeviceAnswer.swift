// A device, and what is withheld from it, as members of an answer. Field names and their order are the
// contract's.

import AddressSpaces
import Fleet
import HTTP
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension JSONWriter {
    mutating func device(_ device: Device, of entry: PlatformEntry) {
        object { writer in
            writer.member("id", entry.askedID(of: device))
            writer.member("kind", device.kind.rawValue)
            writer.member("compatible", strings: device.compatible)
            writer.member("active", device.active)
            writer.member("smmus", strings: device.smmus)
            writer.array("stream_ids") { writer in device.streams.forEach { writer.stream($0) } }
            writer.member("msi_controllers", strings: device.msiControllers)
            writer.array("doorbells") { writer in
                for doorbell in entry.doorbells(of: device) { writer.hex(doorbell.value) }
            }
            writer.member("dma_limit", hex: device.dmaLimit)
            writer.member("dma_coherent", device.dmaCoherent)
            if !device.pciPath.isEmpty { writer.member("pci_path", strings: device.pciPath) }
            writer.windowsKnown(of: device)
            writer.firmwareKnown(of: device)
            if entry.platform.isUndecided(device) { writer.member("iommu_regions_known", false) }
            writer.noGroup(device)
            if let host = device.hostBridge { writer.member("host_bridge", host) }
            if device.sharesRegions, let group = device.groupID { writer.member("group", group) }
            if let name = device.sysfsName { writer.member("sysfs_name", name) }
        }
    }

    /// Only where they are not: what looks free may lie in a PCI window, or where DMA does not reach.
    mutating func windowsKnown(of device: Device) {
        if device.hasUnknownPCIWindows { member("pci_windows_known", false) }
        if device.hasUnknownInboundWindows { member("inbound_windows_known", false) }
    }

    /// Only where they are not: whether a memory range applies that depends on it, which of firmware's
    /// devices it and the others of its group are, and what the kernel lists for whom.
    mutating func firmwareKnown(of device: Device) {
        if UnknownFact.configuration.isOpen(for: device) { member("preserve_config_known", false) }
        if UnknownFact.firmware.isOpen(for: device) { member("firmware_known", false) }
        if UnknownFact.mates.isOpen(for: device) { member("group_mates_known", false) }
        if UnknownFact.share.isOpen(for: device) { member("group_joined", false) }
        if UnknownFact.regions.isOpen(for: device) { member("reserved_regions_known", false) }
    }

    private mutating func stream(_ stream: StreamMapping) {
        object { writer in
            writer.member("smmu", stream.smmu)
            switch stream.kind {
            case .specifier(let cells):
                writer.array("ids") { writer in cells.forEach { writer.hex(UInt64($0)) } }
            case .idMap(let base, let length, let output):
                writer.member("id_base", hex: UInt64(base))
                writer.member("length", hex: UInt64(length))
                writer.array("output") { writer in output.forEach { writer.hex(UInt64($0)) } }
            case .constant(let base, let length, let output):
                writer.member("id_base", hex: UInt64(base))
                writer.member("length", hex: UInt64(length))
                writer.array("ids") { writer in writer.hex(UInt64(output)) }
            }
        }
    }

    mutating func item(_ item: WithheldItem) {
        object { writer in
            writer.rangeMembers(start: item.range.start.value, last: item.range.last.value)
            writer.member("kind", item.kind.rawValue)
            writer.member("type", orNull: item.type?.wireName)
            writer.member("advertised", item.isAdvertised)
            writer.member("provenance", item.provenance)
        }
    }

    /// The start of a window, or null.
    mutating func pick(_ name: StaticString, _ window: IOVARange?) {
        key(name)
        if let window { hex(window.start.value) } else { null() }
    }
}
