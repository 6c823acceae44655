// What an IOMMU domain can translate, from what its driver printed at boot: aperture and page sizes under
// one kernel configuration. A capture's truth starts here; the server never reads an IOMMU's registers, it
// is given both numbers. Mirrors `struct iommu_domain`'s geometry and pgsize_bitmap of
// include/linux/iommu.h, Linux 7.2.

import AddressSpaces
import Machines

/// Aperture and page sizes of a paging domain.
struct DomainGeometry: Hashable, Sendable {
    /// What is translated, inclusive at both ends.
    var aperture: IOVARange
    var pageSizes: PageSizes

    init(aperture: IOVARange, pageSizes: PageSizes) {
        self.aperture = aperture
        self.pageSizes = pageSizes
    }

    /// The page of the domain's IOVA allocator: the smallest page that the IOMMU maps.
    var granule: Granule? { pageSizes.smallest }

}

/// Which of its two translations an SMMU uses for DMA.
enum TranslationStage: String, CaseIterable, Sendable {
    case stage1, stage2
}

// What an SMMUv3's ID registers say, as far as it bounds the IOVA space. Mirrors
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_device_hw_probe and arm_smmu_domain_finalise, Linux
// 7.2.

/// Address and page sizes of one SMMUv3.
struct SMMUv3Capabilities: Hashable, Sendable {
    /// Bits of an output address, 32 ... 52.
    var outputBits: Int
    /// Whether virtual addresses may have 52 bits.
    var has52BitVirtualAddresses: Bool
    var pageSizes: PageSizes
    var stages: Set<TranslationStage>
    /// Whether it also walks AArch32 tables, which older kernels let widen a stage-2 input.
    var hasAArch32Tables: Bool

    /// Reads IDR0 and IDR5. An output size that no code names counts as 48 bits, as the driver takes it.
    init(idr0: UInt32, idr5: UInt32) {
        let codes = [32, 36, 40, 42, 44, 48, 52]
        let code = Int(idr5 & 7)
        outputBits = code < codes.count ? codes[code] : 48
        has52BitVirtualAddresses = idr5 >> 10 & 3 == 1
        var sizes: UInt64 = 0
        if idr5 & 1 << 4 != 0 { sizes |= PageSizes.kib4.bitmap }
        if idr5 & 1 << 5 != 0 { sizes |= PageSizes.kib16.bitmap }
        if idr5 & 1 << 6 != 0 { sizes |= PageSizes.kib64.bitmap }
        pageSizes = PageSizes(bitmap: sizes)
        stages = []
        if idr0 & 2 != 0 { stages.insert(.stage1) }
        if idr0 & 1 != 0 { stages.insert(.stage2) }
        hasAArch32Tables = idr0 >> 2 & 3 == 3
    }

    /// The geometry of a domain: stage 1 where it is supported.
    ///
    /// - Parameters:
    ///   - virtualAddressBits: the kernel's VA_BITS.
    ///   - widensStage2: the kernel gives stage 2 at least 40 bits of input when AArch32 tables are walked
    ///     (up to Linux 6.14).
    /// - Returns: nil when the SMMU has no stage or no page size that the kernel can use.
    func geometry(
        cpuPage: Granule, virtualAddressBits: Int = 48, widensStage2: Bool = false
    ) -> DomainGeometry? {
        guard let restricted = pageSizes.restricted(toCPUPage: cpuPage, outputBits: outputBits) else {
            return nil
        }
        let inputBits: Int
        if stages.contains(.stage1) {
            inputBits = min(has52BitVirtualAddresses ? 52 : 48, virtualAddressBits)
        } else if stages.contains(.stage2) {
            inputBits = widensStage2 && hasAArch32Tables ? max(outputBits, 40) : outputBits
        } else {
            return nil
        }
        return DomainGeometry(
            aperture: IOVARange.ofBits(min(inputBits, restricted.bitsMax)),
            pageSizes: restricted.sizes)
    }
}

// What a virtio-iommu device's configuration says. Its domains take both numbers as they are: no Arm
// table format narrows them. Mirrors drivers/iommu/virtio-iommu.c: viommu_probe and
// viommu_domain_finalise, Linux 7.2.

/// Input range and page mask of one virtio-iommu.
struct VirtIOIOMMUCapabilities: Hashable, Sendable {
    /// What it translates, inclusive.
    var inputRange: IOVARange
    /// Bit n: pages of 2^n bytes.
    var pageMask: UInt64

    init(inputRange: IOVARange = .full, pageMask: UInt64) {
        self.inputRange = inputRange
        self.pageMask = pageMask
    }

    /// The geometry of a domain; nil when its smallest page is larger than the CPU's, which the driver
    /// refuses.
    func geometry(cpuPage: Granule) -> DomainGeometry? {
        let sizes = PageSizes(bitmap: pageMask)
        guard let smallest = sizes.smallest, smallest.bytes <= cpuPage.bytes else { return nil }
        return DomainGeometry(aperture: inputRange, pageSizes: sizes)
    }
}
