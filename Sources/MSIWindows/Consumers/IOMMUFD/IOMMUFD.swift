// An iommufd address space (IOAS): what is reserved, allowed and mapped in it, and where automatic
// placement puts a mapping. Mirrors drivers/iommu/iommufd/io_pagetable.c: iopt_reserve_iova,
// iopt_set_allow_iova, iopt_check_iova, iopt_alloc_iova and iopt_table_add_domain, Linux 7.2.

import AddressSpaces
import IOVAAllocation
import LinuxReleases

package struct IOMMUFD: Sendable {
    let conditions: Conditions
    private(set) var reserved = IOVASet.empty
    private var allowed: IOVASet
    var mapped: IOVASet
    /// 1 before a domain is there, then the page that mappings are aligned to.
    private(set) var alignment = Granule.byte

    init(conditions: Conditions, allowed: [IOVARange], mappings: [IOVARange]) {
        self.conditions = conditions
        self.allowed = IOVASet(allowed)
        mapped = IOVASet(mappings)
    }

    /// Opening /dev/iommu.
    func checkKernel<R: Recorder>(_ recorder: inout R) throws(Refusal) {
        let kernel = conditions.kernel
        guard !kernel.hasIOMMUFD else { return }
        let because =
            kernel.isInDoubt(.iommufd)
            ? "Linux \(kernel.release.modelledAs.rawValue), which answers for \(kernel.selector), has no iommufd; whether "
                + "\(kernel.selector) has it is not known."
            : "\(kernel.doer(of: .iommufd, startsSentence: true)) has no iommufd: /dev/iommu does not exist."
        recorder.record(.iommufdAbsent, .rejected, because)
        throw Refusal(
            errno: .noEntry, because: because,
            remedy: .useVFIOOrKernelWithIOMMUFD(isRelease: !kernel.isOverridden(.iommufd)))
    }

    /// What is in the way of a reservation: a mapping or an allowed range.
    func obstacle(to range: IOVARange) -> IOVARange? {
        mapped.ranges(overlapping: range).first ?? allowed.ranges(overlapping: range).first
    }

    /// Reserves several ranges at once; reservations may overlap.
    mutating func reserve(_ ranges: [IOVARange]) { reserved = reserved.union(IOVASet(ranges)) }

    /// Takes a domain in: everything outside its aperture is reserved from now on. Returns the obstacle
    /// that Linux refuses it for, or nil.
    mutating func addDomain(_ aperture: IOVARange) -> IOVARange? {
        let outside = IOVASet([aperture]).complement().ranges
        for range in outside {
            if let obstacle = obstacle(to: range) { return obstacle }
        }
        let page = conditions.granule
        if let crooked = mapped.ranges.first(where: { !page.isWhole($0) }) { return crooked }
        reserve(outside)
        if page.bytes > alignment.bytes { alignment = page }
        return nil
    }

    /// IOMMU_IOAS_IOVA_RANGES: what is not reserved, over all of 0 ... 2^64-1.
    var ranges: [IOVARange] { reserved.complement().ranges }

    /// IOMMU_IOAS_MAP at a fixed address: iopt_check_iova, in its order, and what maps after it.
    func errno(iova: UInt64, bytes: UInt64) -> Errno? {
        guard bytes > 0 else { return .invalidArgument }
        guard alignment.isAligned(iova) else { return .invalidArgument }
        guard let range = IOVARange(start: IOVA(iova), size: bytes) else { return .overflow }
        guard reserved.ranges(overlapping: range).isEmpty else { return .invalidArgument }
        guard mapped.ranges(overlapping: range).isEmpty else { return .exists }
        return lengthErrno(bytes)
    }

    /// iommu_map of the attached domains, which comes last, takes whole pages only.
    private func lengthErrno(_ bytes: UInt64) -> Errno? {
        alignment.isAligned(bytes) ? nil : .invalidArgument
    }

    /// Blocks that the CPU maps at once: what automatic placement aligns to at most.
    private var hugePage: UInt64 {
        switch conditions.pageSize {
        case .kib4: 2 << 20
        case .kib16: 32 << 20
        default: 512 << 20
        }
    }

    /// Where automatic placement looks: what is allowed, or all but the first and last page, without what is
    /// reserved or mapped. O(n).
    var holes: IOVASet {
        let page = conditions.pageSize
        let everywhere = IOVASet([IOVARange(proven: page.bytes, .max - page.bytes)])
        return (allowed.isEmpty ? everywhere : allowed).subtracting(reserved).subtracting(mapped)
    }

    /// iopt_alloc_iova: the lowest place in `holes`, bottom up.
    func place(bytes: UInt64, userAddress: UInt64, in holes: IOVASet) throws(Refusal) -> UInt64 {
        func refusal(_ errno: Errno) -> Refusal {
            Refusal(errno: errno, because: "\(HexLiteral.text(bytes)) bytes cannot be placed.")
        }
        guard bytes > 0, bytes < UInt64.max / 2 else { throw refusal(.overflow) }
        let page = conditions.pageSize
        var align = bytes.nextPowerOfTwo
        if userAddress != 0 { align = min(align, userAddress & (~userAddress &+ 1)) }
        align = min(align, hugePage)
        guard align >= alignment.bytes, let granule = Granule(bytes: align) else {
            throw refusal(.invalidArgument)
        }
        for hole in holes.ranges {
            guard let start = granule.alignUp(hole.start.value) else { continue }
            let candidate = start | (userAddress & page.mask)
            guard candidate < hole.last.value, hole.last.value - candidate >= bytes - 1 else { continue }
            if let errno = lengthErrno(bytes) { throw refusal(errno) }
            return candidate
        }
        throw refusal(.noSpace)
    }
}

extension UInt64 {
    /// The power of two at or above it, at most 2^63; 1 for 0.
    var nextPowerOfTwo: UInt64 {
        guard self > 1 else { return 1 }
        let bits = UInt64.bitWidth - (self - 1).leadingZeroBitCount
        return 1 << UInt64(Swift.min(bits, 63))
    }
}
