// The windows that IOMMU drivers offer for software-managed MSIs, and which `msi` of a list is one. sysfs
// prints the driver's window and hardware's MSI regions alike, so a list that was copied from a host does not
// tell them apart; place and size do. This is no policy: who may offer which window is decided above.

public import AddressSpaces

/// Windows of SMMU drivers.
public enum DriverWindow {
    /// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: MSI_IOVA_BASE and MSI_IOVA_LENGTH, Linux 7.2; the same in
    /// arm-smmu.c and virtio-iommu.c.
    public static let mainline = IOVARange(proven: 0x800_0000, 0x80f_ffff)
    /// Around the second base of the posted v4 series.
    public static let postedSecond = IOVARange(proven: 0xa000_0000, 0xa00f_ffff)
    /// Those that a driver takes without being asked.
    public static let known = [mainline, postedSecond]
    /// Where x86 takes MSIs, in hardware.
    public static let x86 = IOVARange(proven: 0xfee0_0000, 0xfeef_ffff)
}

extension ReservedRegion {
    /// Named `msi`, and not known to be in no list of a kernel.
    fileprivate var isReportedMSI: Bool {
        guard kind == .msi else { return false }
        if case .notApplied = provenance { return false }
        return true
    }

    /// Named `msi`, and one of these windows.
    fileprivate func isReported(asOneOf windows: [IOVARange]) -> Bool {
        guard isReportedMSI, let range else { return false }
        return windows.contains(range)
    }
}

extension [ReservedRegion] {
    /// A host's list with every `msi` that is the driver's window as such: one at a known place, with its
    /// size; or else the only one of that size, which a changed kernel has moved. Hardware's regions are as
    /// large as a doorbell's frame. A list that names a software window needs no guess.
    public func tellingMSIsApart() -> [ReservedRegion] {
        let windows = driverWindows
        guard !windows.isEmpty else { return self }
        var told = self
        for place in indices where self[place].isReported(asOneOf: windows) {
            told[place].kind = .softwareMSI
        }
        return told
    }

    /// Windows of a driver that are named `msi`: those at known places, or else the only one of their size.
    private var driverWindows: [IOVARange] {
        var known: [IOVARange] = []
        var other: IOVARange?
        var hasOthers = false
        // By place: a walk over the regions themselves counts references to each one's provenance.
        for place in indices where self[place].isReportedMSI {
            guard let range = self[place].range, range.size == DriverWindow.mainline.size,
                range != DriverWindow.x86
            else { continue }
            if DriverWindow.known.contains(range) {
                if !known.contains(range) { known.append(range) }
            } else {
                hasOthers = hasOthers || other != nil && other != range
                other = range
            }
        }
        guard known.isEmpty, let other, !hasOthers, !contains(where: { $0.kind == .softwareMSI }) else {
            return known
        }
        return [other]
    }

    /// The driver that reports a list whose MSIs are told apart; nil where the list does not say. The drivers
    /// of SMMUs always report a software window, that of virtio-iommu leaves it out beside the device's own
    /// MSI regions (drivers/iommu/virtio-iommu.c: viommu_get_resv_regions, Linux 7.2).
    public var reportingDriver: SMMU.Version? {
        var hasHardware = false
        for place in indices {
            if self[place].kind == .softwareMSI { return nil }
            if self[place].kind == .msi { hasHardware = true }
        }
        return hasHardware ? .virtio : nil
    }

    /// What firmware reserves, of a caller's list: without an `msi` that is the driver's window, which
    /// follows from the question. A `software_msi` stays, for it is the caller's word.
    public func withoutDriverWindowNamedMSI() -> [ReservedRegion] {
        let windows = driverWindows
        return windows.isEmpty ? self : filter { !$0.isReported(asOneOf: windows) }
    }
}
