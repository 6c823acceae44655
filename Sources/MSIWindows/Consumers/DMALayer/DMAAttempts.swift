// In which order the DMA layer asks the allocator for room: PCI devices with a wider mask below 4 GiB first.
// The live domain and the domains that a trace shows both follow this order; what they report differs.

import AddressSpaces
import LinuxReleases

/// What of a device and its kernel decides where an allocation begins (drivers/iommu/dma-iommu.c:
/// iommu_dma_alloc_iova, Linux 7.2). Attempts below 4 GiB leave the caches of the CPUs alone; the last
/// attempt, up to the limit, flushes them before it gives up.
struct DMAAttempts {
    var isPCI: Bool
    /// The parameter iommu.forcedac.
    var forcesDAC: Bool
    /// Whether this kernel tries a device below 4 GiB no more after the first failure.
    let remembersFailure: Bool
    private(set) var hasGivenUp: Bool

    static let below4G = IOVARange.below4GiB.last.value

    init(isPCI: Bool, hasGivenUp: Bool = false, under conditions: Conditions) {
        self.isPCI = isPCI
        forcesDAC = conditions.forcesDAC && conditions.kernel.hasForcedac
        self.hasGivenUp = hasGivenUp
        remembersFailure = conditions.kernel.remembersFailureBelow4G
    }

    /// Whether an allocation up to `limit`, inclusive, is tried below 4 GiB first.
    func beginsBelow4G(limit: UInt64) -> Bool {
        limit > Self.below4G && isPCI && !forcesDAC && !hasGivenUp
    }

    /// Nothing fitted below 4 GiB.
    mutating func giveUp() { if remembersFailure { hasGivenUp = true } }
}
