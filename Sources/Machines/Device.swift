// A master behind an SMMU: anything that can raise DMA, and so MSIs, through it; and the group of those
// that an IOMMU cannot tell apart. It holds facts of firmware, and a running kernel's own list where one
// was read; what is withheld from a device follows from them in MSIWindows.

public import AddressSpaces

/// A device, a host bridge with all its functions, or another bus whose IDs are mapped.
public struct Device: Hashable, Sendable {
    /// What kind of master this is; it decides which reservations Linux makes.
    public enum Kind: String, CaseIterable, Sendable {
        case platform
        /// Stands for every function below it that has no node of its own.
        case pciHost = "pci_host"
        /// A PCI function with a node of its own below a host bridge.
        case pciFunction = "pci_function"
        case idMapBus = "id_map_bus"
        case namedComponent = "named_component"
        case rootComplex = "root_complex"
        case group
    }

    /// Stable: the device-tree path, ACPI name, or `group:<n>`.
    public var id: String
    public var kind: Kind
    public var compatible: [String]
    /// Enabled with all ancestors, behind an enabled SMMU, with a mapping of at least one ID.
    public var active: Bool
    public var streams: [StreamMapping]
    /// Why Linux gives it no IOMMU, or may not; nil where it has one.
    public var missingIOMMU: MissingIOMMU?
    /// `iommu-map-mask`: the bits of a requester ID that are looked up; all where firmware says nothing.
    public var requesterMask: UInt32 = .max
    /// Ids of the MSI controllers that `msi-map` or `msi-parent` name; empty when there are none.
    public var msiControllers: [String]
    /// ACPI root complexes: which of `msiControllers` is whose.
    public var requesterControllers: [RequesterController] = []
    /// Highest DMA address that the bus carries, inclusive; all ones when nothing limits.
    public var dmaLimit: UInt64
    public var dmaCoherent: Bool
    /// PCI only: the host bridge's outbound windows, in firmware's order.
    public var pciWindows: [PCIWindow]
    /// ACPI only: the host bridge has windows that no source states, besides `pciWindows`.
    public var hasUnknownPCIWindows = false
    /// ACPI only: the host bridge may have inbound windows that no source states, and so another DMA limit.
    public var hasUnknownInboundWindows = false
    /// ACPI only: a memory range applies if `_DSM` function 5 asks to keep the boot configuration, and no
    /// source states whether it does.
    public var hasUnknownConfiguration = false
    /// ACPI host bridges: whether `_DSM` function 5 asks to keep the boot configuration.
    public var preservesConfiguration: Bool?
    /// PCI only: the host bridge's own inbound windows (`dma-ranges`), in firmware's order.
    public var inboundWindows: [InboundWindow]
    /// What firmware reserves for this device, in the order in which the kernel reads it. The driver's
    /// own software-MSI window is not among them.
    public var firmwareRegions: [ReservedRegion]
    /// What firmware asks for and Linux does not apply.
    public var unappliedRegions: [UnappliedRegion]
    /// The group's whole list as a running kernel printed it, the driver's own window included; nil when the
    /// list is to be worked out.
    public var reportedRegions: [ReservedRegion]?
    /// The host's processor, where something beside a list says it and answers depend on it.
    public var processor: HostProcessor?
    /// Number of the IOMMU group that sysfs has it in; nil where that is not known.
    public var groupNumber: UInt64?
    /// What the group's list has of any of its devices, as far as it is known whose; empty where the device's
    /// own regions are the list.
    public var groupRegions: [ReservedRegion] = []
    /// What firmware reserves for any device of the group and Linux does not apply; empty where the device's
    /// own are all.
    public var groupUnappliedRegions: [UnappliedRegion] = []
    /// `group` only: its devices are of PCI.
    public var standsForPCI = false
    /// Which of firmware's devices the member of a group is, is not known: firmware may have other regions,
    /// doorbells and limits for it.
    public var hasUnknownFirmware = false
    /// The same is not known of another device of its group, whose list no source states.
    public var hasUnknownMates = false
    /// Whose the entries of its group's list are is not known: each device is taken to have all.
    public var hasUnknownShare = false
    /// The kernel's list of its group was not read, so that its regions are those of firmware.
    public var hasUnknownRegions = false
    /// Device trees: the name that Linux gives the device of a node.
    public var nodeName: String?
    /// Host bridges of device trees: the PCI segment that firmware states.
    public var statedSegment: UInt32?
    /// Host bridges of device trees: the number of the root bus.
    public var rootBus: UInt32 = 0
    /// The id of the member of a group that is this device, by the name that sysfs has for it.
    public var sysfsName: String?
    /// Type of the group's default domain on a running host; nil where it is not known.
    public var groupType: GroupType?
    /// Ranges that VFIO or iommufd offered on a running host, ascending; nil when none were read.
    public var usableRanges: UsableRanges?
    /// `pci_function` only: "device.function" from the root bus down, e.g. `["01.0", "00.0"]`.
    public var pciPath: [String]
    /// Id of the host bridge of a `pci_function`.
    public var hostBridge: String?

    public init(
        id: String, kind: Kind, compatible: [String] = [], active: Bool = true, streams: [StreamMapping] = [],
        msiControllers: [String] = [], dmaLimit: UInt64 = .max, dmaCoherent: Bool = false,
        pciWindows: [PCIWindow] = [], inboundWindows: [InboundWindow] = [],
        firmwareRegions: [ReservedRegion] = [], unappliedRegions: [UnappliedRegion] = [],
        pciPath: [String] = [], hostBridge: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.compatible = compatible
        self.active = active
        self.streams = streams
        self.msiControllers = msiControllers
        self.dmaLimit = dmaLimit
        self.dmaCoherent = dmaCoherent
        self.pciWindows = pciWindows
        self.inboundWindows = inboundWindows
        self.firmwareRegions = firmwareRegions
        self.unappliedRegions = unappliedRegions
        self.pciPath = pciPath
        self.hostBridge = hostBridge
    }

    /// The driver that reported the host's list; nil where there is none, or it does not say. Devices of
    /// firmware and of the native model have no list of a host; the driver's window is not in them. Those of
    /// x86 offer no window beside hardware's region, as virtio-iommu's.
    public var reportedDriver: SMMU.Version? {
        reportedRegions?.reportingDriver ?? (processor != nil && isOfX86 ? .virtio : nil)
    }

    /// SMMUs that the streams name, each once, in order of appearance.
    public var smmus: [String] {
        var seen: [String] = []
        for stream in streams where !seen.contains(stream.smmu) { seen.append(stream.smmu) }
        return seen
    }

    /// Regions, windows and ranges that an answer may read: what its cost grows with.
    public var rangeCount: Int {
        firmwareRegions.count + unappliedRegions.count + groupRegions.count + groupUnappliedRegions.count
            + pciWindows.count + inboundWindows.count + (usableRanges?.ranges.count ?? 0)
    }

    /// Whether Linux treats it as PCI: windows and gaps are withheld, and 32-bit addresses tried first.
    public var isPCI: Bool {
        switch kind {
        case .pciHost, .pciFunction, .rootComplex: true
        case .group: standsForPCI
        case .platform, .idMapBus, .namedComponent: false
        }
    }
}

// The DMA mask of a device before its driver sets one; the captures are compared with it. Mirrors
// drivers/of/device.c: of_dma_configure_id and drivers/acpi/arm64/dma.c: acpi_arch_dma_setup, Linux 7.2: 32
// bits, narrowed to the bits that the bus's highest address has. MSIs that a driver asks for without setting
// a mask are allocated below it.

extension Device {
    /// All ones up to the highest bit that both 32 bits and the bus's limit have.
    package var defaultDMAMask: UInt64 {
        let bits = UInt64.bitWidth - dmaLimit.leadingZeroBitCount
        return bits == 0 ? 0 : IOVARange.ofBits(min(bits, 32)).last.value
    }
}

extension Device {
    /// The device with its regions as a kernel with these pages keeps them; see `ReservedRegion`.
    public func rounded(to page: Granule) -> Device {
        var device = self
        device.round(to: page)
        return device
    }

    /// The same in place.
    package mutating func round(to page: Granule) {
        // Of most devices nothing is: by place, so that no list is made.
        for place in firmwareRegions.indices {
            guard case .rmr = firmwareRegions[place].provenance else { continue }
            firmwareRegions[place] = firmwareRegions[place].rounded(to: page)
        }
    }
}

// The devices that an IOMMU cannot tell apart, in the order in which the kernel found them. The order
// matters: only the first device's reservations reach the DMA allocator. Mirrors `struct iommu_group` of
// drivers/iommu/iommu.c, Linux 7.2.

/// One IOMMU group, seen from one of its devices.
public struct IOMMUGroup: Hashable, Sendable {
    /// In group order, never empty.
    public let devices: [Device]
    /// Index of the device that is asked about.
    public let subject: Int

    /// - Precondition: `subject` is an index of `devices`.
    public init(_ devices: [Device], subject: Int = 0) {
        precondition(devices.indices.contains(subject), "subject \(subject) of \(devices.count) devices")
        self.devices = devices
        self.subject = subject
    }

    /// A group of its own, as most devices have.
    public init(_ device: Device) { self.init([device]) }

    public var device: Device { devices[subject] }
    /// Whose reservations the DMA domain is set up with.
    public var first: Device { devices[0] }
    /// Everyone but the subject, in group order.
    public var mates: [Device] { devices.indices.filter { $0 != subject }.map { devices[$0] } }
}
