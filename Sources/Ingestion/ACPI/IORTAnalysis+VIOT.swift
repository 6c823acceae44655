// Devices behind a virtio-iommu, from the VIOT: functions of root complexes that the IORT leaves without an
// SMMU, root complexes that only the VIOT names, and devices of the platform bus.

import AddressSpaces
import Machines

extension IORTAnalysis {
    /// Streams of functions that no SMMU sees; those of an SMMU stay.
    mutating func addVirtioStreams(_ device: inout Device) {
        guard let viot, let segment = device.segment else { return }
        device.streams += viot.streams(ofSegment: segment, beside: device.streams)
    }

    /// What the VIOT puts behind a unit and the IORT does not know.
    mutating func virtioDevices(beside ids: Set<String>) throws(ACPIError) -> [Device] {
        guard let viot else { return [] }
        var devices: [Device] = []
        for segment in virtioSegments(viot) where !ids.contains(Device.rootComplexID(segment)) {
            var device = rootComplex(segment)
            device.streams = viot.streams(ofSegment: segment, beside: [])
            guard !device.streams.isEmpty else { continue }
            device.dmaLimit = inboundLimit(segment) ?? .max
            // Without an IORT nothing says which controller a function has; the only one there is serves all.
            if let madt, madt.controllers.count == 1 { device.msiControllers = [madt.controllers[0].id] }
            try takeRegions(device.pciWindows.count)
            try takeStreams(device.streams.count)
            devices.append(device)
            guard devices.count <= PlatformLimits.devicesMax else {
                throw .tooManyDevices(limit: PlatformLimits.devicesMax)
            }
        }
        let others = viot.platformDevices
        try takeStreams(others.count)
        return devices + others
    }

    /// Segments that another source names, and those of ranges for one segment: a range may say that it is
    /// for all that there can be.
    private mutating func virtioSegments(_ viot: VIOT) -> [UInt32] {
        var segments = Set(facts.pciWindows.keys).union(facts.hostBridges.map(\.segment))
        for node in table.nodes {
            if case .rootComplex(let root) = node.content { segments.insert(root.segment) }
        }
        let known = segments
        for range in viot.ranges {
            let named = UInt32(range.segments.lowerBound)...UInt32(range.segments.upperBound)
            if named.count == 1 {
                segments.insert(named.lowerBound)
            } else if !known.contains(where: named.contains) {
                VIOT.note(
                    .info, "viot-segments-unknown", range.offset, &findings,
                    "The range is for segments \(named.lowerBound) to \(named.upperBound), and nothing says which of them "
                        + "there are; only \(named.lowerBound) is listed.")
                segments.insert(named.lowerBound)
            }
        }
        return segments.sorted()
    }
}

extension IORTTable {
    /// A table without nodes, of a machine that has a VIOT and no IORT.
    static func empty(
        beside viot: ACPITable, _ findings: inout FindingList
    ) throws(ACPIError) -> ACPITable {
        findings.note(
            .info, "no-iort", "VIOT",
            "No IORT was sent: no SMMU is known, and nothing says which MSI controllers PCI functions have.")
        var bytes =
            Array("IORT".utf8) + [UInt8(headerBytes), 0, 0, 0] + viot.bytes.bytes[8..<ACPITable.headerBytes]
        bytes += [UInt8](repeating: 0, count: headerBytes - bytes.count)
        return try ACPITable(at: 0, of: bytes)
    }
}
