// Which hosts are x86 hosts, where nothing of this project's question arises: their log or their kernel's
// name says so, or a list of reserved regions has the region in which x86 takes MSIs. Their interrupt
// controllers never ask for a window. Mirrors drivers/iommu/intel/iommu.c: intel_iommu_get_resv_regions and
// drivers/iommu/amd/iommu.c: amd_iommu_get_resv_regions, Linux 7.2. Place and size are what a list tells.

import AddressSpaces

/// Of a host's processor.
public enum Architecture: Sendable {
    case arm, x86
}

/// What a description of a host says of its processor, beside lists of regions.
public struct HostProcessor: Hashable, Sendable {
    public let architecture: Architecture
    /// What says so, for a sentence: `"DMAR: " in the log`.
    public let evidence: String

    public init(_ architecture: Architecture, by evidence: String) {
        self.architecture = architecture
        self.evidence = evidence
    }
}

extension [ReservedRegion] {
    /// Whether it has the MSI region of x86, and no software window.
    public var isOfX86: Bool {
        reportingDriver == .virtio && contains { $0.kind == .msi && $0.range == DriverWindow.x86 }
    }
}

extension Device {
    /// Whether the device is of an x86 host, as far as is known: something says so, or a list is all that is
    /// known of its IOMMU and is one of x86.
    public var isOfX86: Bool {
        switch processor?.architecture {
        case .x86: streams.isEmpty && !listsSoftwareWindow
        case .arm: false
        case nil: streams.isEmpty && (reportedRegions ?? firmwareRegions).isOfX86
        }
    }

    /// Whether the kernel's list has a window that no driver of x86 offers: another host printed it.
    private var listsSoftwareWindow: Bool {
        (reportedRegions ?? firmwareRegions).contains { $0.kind == .softwareMSI }
    }

    /// What to say where something calls the host an x86 host and its list says otherwise; nil elsewhere.
    package func x86Contradiction(_ processor: HostProcessor?) -> String? {
        guard let processor, processor.architecture == .x86, listsSoftwareWindow else { return nil }
        return
            "The host would be an x86 host (\(processor.evidence)), but the list of \(id) has a software window, which no "
            + "driver of an x86 IOMMU offers: the list counts, and answers are those of a host with an SMMU."
    }

    /// Why there is no window; nil of devices of other hosts.
    public var x86Because: String? {
        guard isOfX86 else { return nil }
        return processor.map { DriverWindow.x86Because(by: $0.evidence) } ?? DriverWindow.x86Because
    }

    /// What to say of such a device; nil of others.
    public var x86Remark: String? {
        guard isOfX86 else { return nil }
        return processor.map { DriverWindow.x86Because(by: $0.evidence) } ?? DriverWindow.x86Remark
    }

    /// The device on a host of which that is known. The drivers of x86 report their region of every device,
    /// so that it is known without a list.
    package func on(_ processor: HostProcessor) -> Device {
        var device = self
        device.processor = processor
        if device.isOfX86, !hasKnownMSIRegions {
            device.firmwareRegions.append(
                ReservedRegion(
                    kind: .msi, start: DriverWindow.x86.start.value, length: DriverWindow.x86.size ?? 0,
                    provenance: .driver))
        }
        return device
    }
}

extension DriverWindow {
    private static let x86Hardware =
        " On x86 the interrupt hardware takes MSIs before the IOMMU translates them, and Linux offers no software window."

    /// Why there is no window where something says what the host is.
    static func x86Because(by evidence: String) -> String {
        "The host is an x86 host (\(evidence))." + x86Hardware
    }

    /// The same where only a list does.
    public static let x86Because =
        "The list of regions has the MSI region of x86, \(x86.text), as no host with an Arm SMMU has."
        + x86Hardware
    /// The same, with what settles the one other case.
    public static let x86Remark =
        x86Because
        + " If it is a guest on arm64 whose virtio-iommu reports this region, as crosvm's does, there is no window "
        + "either: send its device tree or its ACPI tables beside the list."
}
