// What a virtio-iommu reports of its endpoints is known only where Linux has asked it
// (drivers/iommu/virtio-iommu.c: viommu_probe_endpoint, viommu_get_resv_regions, Linux 7.2): firmware has no
// word of it. With an MSI region of the device, its driver offers no window; without one, the window of SMMU
// drivers.

public import AddressSpaces

extension Device {
    /// Whether a list says which MSI regions the IOMMU's driver reports: every list of a kernel has one, the
    /// driver's own window or the device's.
    public var hasKnownMSIRegions: Bool {
        (firmwareRegions + (reportedRegions ?? [])).contains { $0.kind == .msi || $0.kind == .softwareMSI }
    }

    /// What to say of a device whose virtio-iommu has not been asked: both answers, and what settles it.
    public var undecidedRemark: String {
        "The virtio-iommu decides about \(id): Linux asks it for its regions, which no source states. If it reports no "
            + "MSI region, Linux offers the window \(DriverWindow.mainline.text); if it reports one, Linux offers no "
            + "window, and doorbells in that region keep their physical addresses. Send the group's "
            + "reserved_regions, or \"iommu_regions\"."
    }

    /// The device with what a caller says that its virtio-iommu reports, in the place of what a list says.
    package func reporting(_ regions: [ReservedRegion]) -> Device {
        var device = self
        device.firmwareRegions.removeAll { $0.kind == .msi || $0.kind == .softwareMSI }
        device.firmwareRegions.insert(contentsOf: regions, at: 0)
        return device
    }
}

extension Platform {
    /// Whether a virtio-iommu decides about the device, and nobody has said what it reports.
    public func isUndecided(_ device: Device) -> Bool {
        !device.hasKnownMSIRegions && driver(of: device) == .virtio
    }

    /// The first active device of which that is so.
    public var firstUndecided: Device? {
        let hasVirtio = smmus.contains { $0.version == .virtio }
        // By place, and what needs no call first: a walk over the devices copies each, and so does a call.
        return devices.indices.first {
            devices[$0].active && (hasVirtio || devices[$0].streams.isEmpty) && isUndecided(devices[$0])
        }.map { devices[$0] }
    }
}

extension [ReservedRegion] {
    /// A report that shows whether an answer depends on one, where no doorbell is known.
    public static var assumedAnywhere: [ReservedRegion] {
        assumedReport(over: [PhysicalAddress(DriverWindow.mainline.start.value)])
    }

    /// What a virtio-iommu reports that knows the doorbells, as that of QEMU's virt machine does: the frame
    /// of each.
    public static func assumedReport(over doorbells: [PhysicalAddress]) -> [ReservedRegion] {
        let frame = Granule.kib64
        return Set(doorbells.map { frame.alignDown($0.value) }).sorted().map { start in
            ReservedRegion(kind: .msi, start: start, length: frame.bytes, provenance: .virtioProbe)
        }
    }
}
