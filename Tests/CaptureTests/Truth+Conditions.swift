// What a capture states about kernel, boot parameters and IOMMU, as the product's conditions.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines

extension Truth {
    /// What `uname -r` printed: the third word of `uname -a`; the build's name where the boot ended early.
    var release: String {
        let words = (kernel ?? knobs.kernel).split(separator: " ")
        return String(words.count > 2 ? words[2] : words[0])
    }

    var profile: KernelProfile {
        guard let profile = KernelProfile(releaseString: release) else { preconditionFailure(release) }
        return profile
    }

    /// The builds are named after their page size where it is not 4 KiB.
    var pageSize: Granule {
        if knobs.kernel.hasSuffix("-64k") { return .kib64 }
        return knobs.kernel.hasSuffix("-16k") ? .kib16 : .kib4
    }

    func hasParameter(_ parameter: String) -> Bool {
        knobs.append?.split(separator: " ").contains(Substring(parameter)) ?? false
    }

    /// Bits of the feature word that arm-smmu-v3 prints at probe (arm-smmu-v3.h: ARM_SMMU_FEAT_*).
    private static let featureStage1: UInt32 = 1 << 9
    private static let featureStage2: UInt32 = 1 << 10
    private static let feature52BitVA: UInt32 = 1 << 14

    /// Aperture and page sizes from what the driver printed; nil for a boot without an IOMMU.
    var geometry: DomainGeometry? {
        if let printed = iommu?.virtio { return virtioGeometry(printed) }
        guard let printed = iommu?.smmuv3 else { return nil }
        let words = printed.split { " ()".contains($0) }
        func word(after key: Substring) -> Substring? {
            words.firstIndex(of: key).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        let outputBits = word(after: "oas").flatMap { Int($0.prefix { $0.isNumber }) } ?? 48
        let features =
            word(after: "features").flatMap { UInt32($0.dropFirst(2), radix: 16) } ?? Self.featureStage1
        // The driver does not print the granules; the emulated SMMU has all three.
        let code = UInt32([32, 36, 40, 42, 44, 48, 52].firstIndex(of: outputBits) ?? 5)
        let idr5 = code | 7 << 4 | (features & Self.feature52BitVA != 0 ? 1 << 10 : 0)
        let idr0: UInt32 =
            (features & Self.featureStage1 != 0 ? 2 : 0) | (features & Self.featureStage2 != 0 ? 1 : 0)
        return SMMUv3Capabilities(idr0: idr0, idr5: idr5).geometry(cpuPage: pageSize)
    }

    /// `input address: 64 bits` and `page mask: 0xfffffffffffff000`.
    private func virtioGeometry(_ printed: [String]) -> DomainGeometry? {
        var bits = 64
        var mask = UInt64.max << 12
        for line in printed {
            let value = line.split(separator: " ")
            if line.hasPrefix("input address:"), value.count > 2 { bits = Int(value[2]) ?? bits }
            if line.hasPrefix("page mask:"), value.count > 2 {
                mask = UInt64(value[2].dropFirst(2), radix: 16) ?? mask
            }
        }
        return VirtIOIOMMUCapabilities(inputRange: IOVARange.ofBits(bits), pageMask: mask)
            .geometry(cpuPage: pageSize)
    }

    /// Kernel, page size, parameters and IOMMU.
    var statedConditions: Conditions {
        var conditions = Conditions(kernel: profile, pageSize: pageSize)
        if let geometry {
            conditions.aperture = geometry.aperture
            conditions.smmuPageSizes = geometry.pageSizes
        }
        if iommu?.virtio != nil { conditions.driver = .virtio }
        conditions.forcesDAC = hasParameter("iommu.forcedac=1")
        if hasParameter("iommu.passthrough=1") { conditions.defaultDomain = .identity }
        if geometry == nil { conditions.defaultDomain = .none }
        return conditions
    }
}
