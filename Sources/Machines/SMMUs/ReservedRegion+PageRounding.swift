// How the kernel rounds memory that firmware has devices use: to its own pages, but only where firmware
// broke the rule of 64 KiB. Mirrors drivers/acpi/arm64/iort.c: iort_rmr_alloc, Linux 7.2.

public import AddressSpaces

extension ReservedRegion {
    /// What IORT's specification asks of an RMR's base and length.
    private static let alignmentOfRMR: UInt64 = 0x1_0000

    /// An RMR as a kernel with these pages keeps it: outward to whole pages when base or length is no
    /// multiple of 64 KiB, otherwise, and for regions of other provenance, as it is. Doing it twice changes
    /// nothing. Arithmetic wraps as the kernel's does.
    public func rounded(to page: Granule) -> ReservedRegion {
        guard case .rmr = provenance,
            start % Self.alignmentOfRMR != 0 || length % Self.alignmentOfRMR != 0
        else { return self }
        var region = self
        region.start = page.alignDown(start)
        region.length = (length &+ (start & page.mask) &+ page.mask) & ~page.mask
        return region
    }
}
