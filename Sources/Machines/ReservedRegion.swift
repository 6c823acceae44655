// A range of IOVA that firmware or a driver withholds from a device, or that firmware asks for and Linux
// does not reserve. Mirrors `struct iommu_resv_region` of include/linux/iommu.h, Linux 7.2. Start and
// length are kept as the kernel keeps them, so that a zero length or a wrap can be reported.

public import AddressSpaces

/// One reserved region of one device, in the order in which its IOMMU driver reports it.
public struct ReservedRegion: Hashable, Sendable {
    /// `enum iommu_resv_type`; the order matters for sorting and merging.
    public enum Kind: Int, CaseIterable, Sendable {
        case direct = 0
        case directRelaxable = 1
        case reserved = 2
        /// Hardware MSI: the doorbell is reached untranslated.
        case msi = 3
        /// The software-managed window that a driver offers.
        case softwareMSI = 4
    }

    /// Where the region comes from.
    public enum Provenance: Hashable, Sendable {
        /// `iommu-addresses` of this reserved-memory node, on the device itself.
        case deviceTreeNode(path: String)
        /// The same of an entry that the property's end cuts off, or that is no entry: what kernels make of
        /// these cells that read them. Firmware has not said it.
        case misreadDeviceTreeNode(path: String)
        /// `iommu-addresses` of this reserved-memory node, naming the host bridge: mainline ignores it.
        case hostBridgeNode(path: String)
        /// An IORT RMR node at this offset.
        case rmr(offset: UInt32)
        /// The IOMMU driver's own window.
        case driver
        /// What the virtio-iommu device reported when it was asked about its endpoint.
        case virtioProbe
        /// The translation frame of an ITS that the SMMU reaches untranslated.
        case untranslatedITS(String)
        /// Given by the caller, with the caller's own words.
        case caller(String)
        /// The same of a region that the caller knows not to be applied.
        case notApplied(String, NotApplied)
    }

    /// Why the IOMMU driver does not report a region that somebody states.
    public enum NotApplied: Hashable, CaseIterable, Sendable {
        /// It is named on the host bridge; the posted series has functions inherit it, mainline does not.
        case hostBridge
        /// The kernel does not read regions of its kind.
        case kernel
        /// It has no effect under any kernel that reads it.
        case unapplied(UnappliedRegion.Reason)

        public static let allCases =
            [hostBridge, kernel] + UnappliedRegion.Reason.allCases.map(NotApplied.unapplied)

        /// lower_snake name on the wire.
        public var name: String {
            switch self {
            case .hostBridge: "host_bridge"
            case .kernel: "kernel"
            case .unapplied(let reason): reason.rawValue
            }
        }
    }

    /// `IOMMU_READ` and so on: how a direct region is mapped.
    public struct Protection: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let read = Protection(rawValue: 1)
        public static let write = Protection(rawValue: 2)
        public static let cache = Protection(rawValue: 4)
        public static let noExecute = Protection(rawValue: 8)
        public static let mmio = Protection(rawValue: 16)
        public static let privileged = Protection(rawValue: 32)

        /// What every MSI region has.
        public static let doorbell: Protection = [.write, .noExecute, .mmio]
    }

    public var kind: Kind
    /// First IOVA.
    public var start: UInt64
    /// Bytes; 0 is possible (the kernel keeps such regions) and `start + length` may wrap.
    public var length: UInt64
    public var provenance: Provenance
    public var protection: Protection

    /// - Parameter protection: nil for what the kernel gives the kind by default.
    public init(
        kind: Kind, start: UInt64, length: UInt64, provenance: Provenance, protection: Protection? = nil
    ) {
        self.kind = kind
        self.start = start
        self.length = length
        self.provenance = provenance
        let isMSI = kind == .msi || kind == .softwareMSI
        self.protection = protection ?? (isMSI ? .doorbell : [.read, .write])
    }

    /// Last IOVA as the kernel computes it: below `start` for no bytes, and wrapping.
    public var wrappingLast: UInt64 { start &+ length &- 1 }

    /// No bytes, or past 2^64-2: kernel code that adds 1 to the last address overflows here.
    package var isOdd: Bool { length == 0 || start.addingReportingOverflow(length).overflow }

    /// `base <= region end && base + size - 1 >= region start`, in the wrapping arithmetic of the posted
    /// series: true of regions of no bytes, too.
    public func meets(_ window: IOVARange) -> Bool {
        window.start.value <= wrappingLast && window.last.value >= start
    }

    /// The region as a range; nil when it has no bytes or wraps past 2^64-1.
    public var range: IOVARange? { IOVARange(start: IOVA(start), size: length) }
}

// How the kernel rounds memory that firmware has devices use: to its own pages, but only where firmware
// broke the rule of 64 KiB. Mirrors drivers/acpi/arm64/iort.c: iort_rmr_alloc, Linux 7.2.

extension ReservedRegion {
    /// What IORT's specification asks of an RMR's base and length.
    package static let alignmentOfRMR = Granule.kib64

    /// Whether an RMR's base and length are as IORT's specification asks.
    package static func isAlignedRMR(base: UInt64, length: UInt64) -> Bool {
        alignmentOfRMR.isAligned(base) && alignmentOfRMR.isAligned(length)
    }

    /// An RMR as a kernel with these pages keeps it: outward to whole pages when base or length is no
    /// multiple of 64 KiB, otherwise, and for regions of other provenance, as it is. Doing it twice changes
    /// nothing. Arithmetic wraps as the kernel's does.
    public func rounded(to page: Granule) -> ReservedRegion {
        guard case .rmr = provenance, !Self.isAlignedRMR(base: start, length: length) else { return self }
        var region = self
        region.start = page.alignDown(start)
        region.length = page.alignDown(length &+ (start & page.mask) &+ page.mask)
        return region
    }
}

extension ReservedRegion.Provenance {
    /// Whether somebody says it; false for what is read where firmware says nothing.
    package var isStated: Bool { if case .misreadDeviceTreeNode = self { false } else { true } }
}

// A region that firmware asks for and Linux does not reserve, with the reason: what the owner of the
// machine must know, though no list of the kernel shows it.

/// One region without effect, or with a worse one.
public struct UnappliedRegion: Hashable, Sendable {
    public enum Reason: String, CaseIterable, Sendable {
        /// An RMR below a PCI host bridge whose `_DSM` function 5 does not ask to keep its configuration:
        /// drivers/acpi/arm64/iort.c: iort_iommu_rmr_get_resv_regions.
        case rmrWithoutPreservedConfiguration = "rmr_without_preserved_configuration"
        /// An RMR for some functions behind a root complex: it applies to those, not to the root complex,
        /// which stands for the others. Ask for the function by its address.
        case rmrOfSingleFunctions = "rmr_of_single_functions"
        /// An `iommu-addresses` entry that does not translate: the kernel dereferences a null pointer while
        /// it boots (drivers/iommu/of_iommu.c: of_iommu_get_resv_regions).
        case crashesKernel = "crashes_kernel"
        /// The list of the device's group, which a running kernel printed, does not have the region.
        case notListed = "not_listed"
    }

    public var reason: Reason
    /// What firmware says; nil where it cannot be read.
    public var region: ReservedRegion?
    /// Node path, or table and offset.
    public var location: String

    public init(reason: Reason, region: ReservedRegion?, location: String) {
        self.reason = reason
        self.region = region
        self.location = location
    }
}
