// What follows from a platform's facts for one of its devices.

public import SMMUModel

extension Platform {
    /// The version of the first SMMU that the device's streams name, which decides its driver; nil when none
    /// is known.
    public func driver(of device: Device) -> SMMU.Version? {
        guard let name = device.smmus.first else { return nil }
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
