// Under which circumstances a question is asked: the kernel, its page size, the SMMU's aperture.

public import AddressSpaces
public import IOVAAllocation

/// What the answer depends on besides the platform.
public struct Conditions: Hashable, Sendable {
    public var kernel: KernelRelease
    /// The CPU page size, which is also the domain's granule where the SMMU supports it.
    public var pageSize: Granule
    /// What the IOMMU translates.
    public var aperture: IOVARange

    /// The aperture that is assumed where no register tells: bits of input address.
    public static let apertureBitsDefault = 48
    public static let apertureBitsBounds = 32...64

    public init(
        kernel: KernelRelease = .newest, pageSize: Granule = .kib4,
        apertureBits: Int = Conditions.apertureBitsDefault
    ) {
        precondition(Self.apertureBitsBounds.contains(apertureBits), "aperture of \(apertureBits) bits")
        self.kernel = kernel
        self.pageSize = pageSize
        aperture = IOVARange(proven: 0, apertureBits == 64 ? .max : (1 << UInt64(apertureBits)) - 1)
    }
}
