// What an SMMUv3's ID registers say, as far as it bounds the IOVA space. Mirrors
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_device_hw_probe and arm_smmu_domain_finalise,
// Linux 7.2.

public import AddressSpaces

/// Address and page sizes of one SMMUv3.
public struct SMMUv3Capabilities: Hashable, Sendable {
    /// Bits of an output address, 32 ... 52.
    public var outputBits: Int
    /// Whether virtual addresses may have 52 bits.
    public var has52BitVirtualAddresses: Bool
    public var pageSizes: PageSizes
    public var stages: Set<TranslationStage>
    /// Whether it also walks AArch32 tables, which older kernels let widen a stage-2 input.
    public var hasAArch32Tables: Bool

    /// Reads IDR0 and IDR5. An output size that no code names counts as 48 bits, as the driver takes it.
    public init(idr0: UInt32, idr5: UInt32) {
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
    public func geometry(
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
            aperture: DomainGeometry.aperture(bits: min(inputBits, restricted.bitsMax)),
            pageSizes: restricted.sizes)
    }
}
