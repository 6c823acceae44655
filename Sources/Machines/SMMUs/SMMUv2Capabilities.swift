// What an SMMUv1 or SMMUv2 reports, as far as it bounds the IOVA space. Mirrors
// drivers/iommu/arm/arm-smmu/arm-smmu.c: arm_smmu_device_cfg_probe and arm_smmu_init_domain_context,
// Linux 7.2.

public import AddressSpaces

/// Address sizes and table formats of one SMMUv1 or SMMUv2.
public struct SMMUv2Capabilities: Hashable, Sendable {
    /// Table formats that the SMMU walks.
    public enum TableFormat: String, CaseIterable, Sendable {
        case aarch32Short, aarch32Long, aarch64Page4K, aarch64Page16K, aarch64Page64K
    }

    /// Bits of an intermediate (stage-2 input) address.
    public var intermediateBits: Int
    /// Bits of an output address.
    public var outputBits: Int
    /// Bits of a stage-1 input address.
    public var virtualBits: Int
    public var formats: Set<TableFormat>
    public var stages: Set<TranslationStage>

    public init(
        intermediateBits: Int, outputBits: Int, virtualBits: Int, formats: Set<TableFormat>,
        stages: Set<TranslationStage>
    ) {
        self.intermediateBits = intermediateBits
        self.outputBits = outputBits
        self.virtualBits = virtualBits
        self.formats = formats
        self.stages = stages
    }

    /// Reads ID2 of an SMMUv2; `formats` adds the AArch32 formats that ID0 tells of.
    public init(v2ID2 id2: UInt32, formats: Set<TableFormat> = [], stages: Set<TranslationStage>) {
        intermediateBits = Self.bits(id2)
        outputBits = Self.bits(id2 >> 4)
        virtualBits = Self.bits(id2 >> 8)
        self.formats = formats
        if id2 & 1 << 12 != 0 { self.formats.insert(.aarch64Page4K) }
        if id2 & 1 << 13 != 0 { self.formats.insert(.aarch64Page16K) }
        if id2 & 1 << 14 != 0 { self.formats.insert(.aarch64Page64K) }
        self.stages = stages
    }

    /// Reads ID2 of an SMMUv1; `has64KPages` is the driver's knowledge of MMU-401.
    public init(v1ID2 id2: UInt32, has64KPages: Bool, stages: Set<TranslationStage>) {
        intermediateBits = Self.bits(id2)
        outputBits = Self.bits(id2 >> 4)
        virtualBits = intermediateBits
        formats = has64KPages ? [.aarch32Long, .aarch64Page64K] : [.aarch32Long]
        self.stages = stages
    }

    /// An address-size code of ID2; unknown codes count as 48 bits.
    private static func bits(_ code: UInt32) -> Int {
        let codes = [32, 36, 40, 42, 44, 48]
        let code = Int(code & 15)
        return code < codes.count ? codes[code] : 48
    }

    /// Everything the formats can map.
    public var pageSizes: PageSizes {
        var bitmap: UInt64 = 0
        for format in formats {
            switch format {
            case .aarch32Short: bitmap |= 0x111_1000
            case .aarch32Long, .aarch64Page4K: bitmap |= PageSizes.kib4.bitmap
            case .aarch64Page16K: bitmap |= PageSizes.kib16.bitmap
            case .aarch64Page64K: bitmap |= PageSizes.kib64.bitmap
            }
        }
        return PageSizes(bitmap: bitmap)
    }

    private var walksAArch64: Bool {
        !formats.isDisjoint(with: [.aarch64Page4K, .aarch64Page16K, .aarch64Page64K])
    }

    /// The geometry of a domain under the SMMU's quirks: stage 1 where it is supported; AArch64 tables before
    /// AArch32 ones. The aperture follows from the SMMU's own input size; the page size does not narrow it.
    ///
    /// - Returns: nil when no stage, format or page size is left.
    public func geometry(cpuPage: Granule, quirks: Set<SMMUQuirk> = []) -> DomainGeometry? {
        var seen = self
        if quirks.contains(.marvellAP806) {
            seen.formats.subtract([.aarch64Page4K, .aarch64Page16K, .aarch64Page64K])
            seen.formats.insert(.aarch32Long)
        }
        var inputBits: Int
        if seen.stages.contains(.stage1) {
            inputBits = seen.virtualBits
            if !seen.walksAArch64 { inputBits = min(inputBits, 32) }
        } else if seen.stages.contains(.stage2) {
            inputBits = seen.intermediateBits
            if !seen.walksAArch64 { inputBits = min(inputBits, 40) }
        } else {
            return nil
        }
        var sizes = seen.pageSizes
        if quirks.contains(.nvidiaTegra) { sizes.bitmap &= cpuPage.bytes | cpuPage.mask }
        guard let restricted = sizes.restricted(toCPUPage: cpuPage, outputBits: seen.outputBits),
            !restricted.sizes.isEmpty
        else { return nil }
        var aperture = DomainGeometry.aperture(bits: inputBits)
        if quirks.contains(.qualcommUpperHalf) {
            aperture = IOVARange(proven: ~aperture.last.value, .max)
        }
        return DomainGeometry(aperture: aperture, pageSizes: restricted.sizes)
    }
}
