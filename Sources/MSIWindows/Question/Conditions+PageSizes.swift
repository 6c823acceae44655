// The page sizes that a domain ends up with, and what VFIO makes of them. Mirrors
// drivers/vfio/vfio_iommu_type1.c: vfio_update_pgsize_bitmap and drivers/iommu/iommufd/vfio_compat.c:
// iommufd_get_pagesizes, Linux 7.2.

import AddressSpaces
public import Machines

extension Conditions {
    /// `domain->pgsize_bitmap`: one translation granule's sizes for an SMMU, all that a virtio-iommu names.
    public var domainPageSizes: PageSizes {
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
