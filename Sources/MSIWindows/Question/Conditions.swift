// Under which circumstances a question is asked: the kernel and how it was built and booted, what the IOMMU
// can do, and the page sizes that follow. Everything here is a fact that the caller gives or a default that
// the answer names. The page sizes mirror drivers/vfio/vfio_iommu_type1.c: vfio_update_pgsize_bitmap and
// drivers/iommu/iommufd/vfio_compat.c: iommufd_get_pagesizes, Linux 7.2.

public import AddressSpaces
import IOVAAllocation
public import LinuxReleases
public import Machines

/// What the answer depends on besides the platform.
public struct Conditions: Hashable, Sendable {
    /// What the kernel does with a device before anybody takes it over.
    public enum DefaultDomain: String, CaseIterable, Sendable {
        case translated
        /// `iommu.passthrough=1`, or a driver that asks for it.
        case identity
        /// The device has no IOMMU group: it is not behind the IOMMU, or the driver refused it, as SMMUv3
        /// does with the second function of one stream ID.
        case none = "no_group"
        /// Nothing passes: the DMA layer has no domain that it may map in.
        case blocked
        /// Whoever made the domain maps in it, VFIO or iommufd; no kernel driver is bound meanwhile.
        case unmanaged

        /// That of a group of this type.
        public init(_ type: GroupType) {
            switch type {
            case .dma, .dmaWithFlushQueue: self = .translated
            case .identity: self = .identity
            case .blocked: self = .blocked
            case .unmanaged: self = .unmanaged
            }
        }

        /// That of the device's group as far as the machine tells; nil where it does not.
        public init?(of device: Device) {
            if let type = device.groupType {
                self.init(type)
            } else if device.lacksIOMMU {
                self = .none
            } else {
                return nil
            }
        }

        /// Why the DMA layer translates nothing for kernel drivers: their MSIs go to physical addresses, or
        /// nowhere. nil where it does.
        public var untranslatedBecause: String? {
            switch self {
            case .translated: nil
            case .blocked, .unmanaged: exclusion
            case .identity:
                "The device's default domain is an identity domain, so MSIs go to physical addresses."
            case .none: "The device has no IOMMU group, so MSIs go to physical addresses."
            }
        }

        /// Why kernel drivers have no DMA at all, and so no MSIs (drivers/iommu/iommu.c:
        /// iommu_device_use_default_domain, iommu_dma_prepare_msi, Linux 7.2); nil where they have.
        public var exclusion: String? {
            switch self {
            case .translated, .identity, .none: nil
            case .blocked:
                "The group's domain is a blocking one: no DMA of kernel drivers passes the IOMMU, and none of their "
                    + "MSIs arrives."
            case .unmanaged:
                "The group's domain is unmanaged: VFIO or iommufd has taken the group, only they map in it, and Linux "
                    + "binds no kernel driver to its devices (EBUSY)."
            }
        }
    }

    public var kernel: KernelProfile
    /// The CPU page size.
    public var pageSize: Granule
    /// What the IOMMU translates.
    public var aperture: IOVARange
    /// What the IOMMU can map.
    public var smmuPageSizes = PageSizes.all
    /// Whose list of regions it is.
    public var driver = SMMU.Version.v3
    /// virtio-iommu only: what the device reports of its endpoints, as the caller knows it; empty when it
    /// reports nothing, nil when nobody has said.
    public var iommuRegions: [ReservedRegion]?
    public var defaultDomain = DefaultDomain.translated
    /// `iommu.forcedac=1`: PCI devices are not tried below 4 GiB first.
    public var forcesDAC = false
    /// Whether MSIs are isolated between devices, as an ITS does.
    public var hasIsolatedMSI = true
    /// The module parameter `allow_unsafe_interrupts`; nil answers as if it were set, with a warning.
    public var allowsUnsafeInterrupts: Bool?
    /// IOMMU_CAP_CACHE_COHERENCY, which iommufd demands.
    public var isCacheCoherent = true
    /// vfio_type1: a device of the group is bound to a driver that is not VFIO's.
    public var hasForeignDriver = false

    /// The aperture that is assumed where no register is known: bits of input address.
    public static let apertureBitsDefault = 48
    public static let apertureBitsBounds = 16...64

    public init(
        kernel: KernelProfile = .newest, pageSize: Granule = .kib4,
        apertureBits: Int = Conditions.apertureBitsDefault
    ) {
        precondition(Self.apertureBitsBounds.contains(apertureBits), "aperture of \(apertureBits) bits")
        self.kernel = kernel
        self.pageSize = pageSize
        aperture = IOVARange.ofBits(apertureBits)
    }

    /// Of what a caller can give many values of; the rest is left to the comparison. Member by member a hash
    /// took 1,070 instructions, and every question looks its device up by its conditions.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(kernel)
        hasher.combine(UInt64(truncatingIfNeeded: pageSize.shift) &<< 56 ^ aperture.last.value)
        hasher.combine(smmuPageSizes.bitmap)
        if let iommuRegions { hasher.combine(iommuRegions) }
    }

    /// Whether a domain of this consumer's translates, so that windows and regions count for it.
    public func translates(for consumer: Consumer) -> Bool {
        switch defaultDomain {
        case .translated: true
        case .identity, .blocked, .unmanaged:
            switch consumer {
            case .dmaAPI: false
            case .vfioType1, .iommufd: true
            }
        case .none: false
        }
    }

    /// The page of the DMA domain's allocator, the smallest that the domain maps: the CPU's where an SMMU
    /// supports it.
    public var granule: Granule { domainPageSizes.smallest ?? pageSize }

    /// The page that VFIO and iommufd map: theirs are never below the CPU's.
    public var userPage: Granule { hasGranuleAbovePage ? granule : pageSize }

    /// Whether the IOMMU's smallest page is larger than the CPU's. No domain of the DMA layer is made then
    /// (drivers/iommu/iova.c: init_iova_domain), iommufd refuses such a domain (drivers/iommu/iommufd/
    /// io_pagetable.c: iopt_table_add_domain, Linux 7.2), and VFIO maps no doorbell in it.
    public var hasGranuleAbovePage: Bool { granule.shift > pageSize.shift }
}

extension Conditions {
    /// `domain->pgsize_bitmap`: one translation granule's sizes for an SMMU, all that a virtio-iommu names.
    var domainPageSizes: PageSizes {
        if driver == .virtio { return smmuPageSizes }
        return smmuPageSizes.restricted(toCPUPage: pageSize, outputBits: 52)?.sizes ?? smmuPageSizes
    }

    /// `iova_pgsizes` of VFIO_IOMMU_GET_INFO: sizes below the CPU's page are replaced by it.
    public var vfioPageSizes: PageSizes {
        let sizes = domainPageSizes
        guard sizes.bitmap & pageSize.mask != 0 else { return sizes }
        return PageSizes(bitmap: sizes.bitmap & ~pageSize.mask | pageSize.bytes)
    }
}
