// What follows from a platform's facts for one of its devices.

extension Platform {
    /// The version of the first SMMU that the device's streams name, which decides its driver; nil when none
    /// is known. Where only the kernel's list of regions is, hardware MSI without a software window tells:
    /// the drivers of SMMUs report one always, that of virtio-iommu leaves it out beside the device's own
    /// (drivers/iommu/virtio-iommu.c: viommu_get_resv_regions, Linux 7.2).
    public func driver(of device: Device) -> SMMU.Version? {
        guard let name = device.smmus.first else {
            let kinds = device.reportedRegions?.map(\.kind) ?? []
            return kinds.contains(.msi) && !kinds.contains(.softwareMSI) ? .virtio : nil
        }
        return smmus.first { $0.id == name }?.version
    }

    /// Whether all of the device's MSI controllers isolate MSIs between devices: an ITS does, GICv2m, MBI and
    /// a pre-ITS do not (kernel/irq/msi.c: IRQ_DOMAIN_FLAG_ISOLATED_MSI, Linux 7.2). A device without a known
    /// controller counts as isolated.
    public func isolatesMSIs(of device: Device) -> Bool {
        msiControllers.allSatisfy { controller in
            switch controller.kind {
            case .its, .other: true
            case .gicv2m, .mbi, .preITS: !device.msiControllers.contains(controller.id)
            }
        }
    }
}
