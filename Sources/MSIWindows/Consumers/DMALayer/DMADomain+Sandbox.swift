// What a sandbox does with a DMA domain beyond Linux's own steps: undo them, take a first device in late,
// withhold a range by hand, and move the whole state elsewhere. Mirrors drivers/iommu/dma-iommu.c:
// iommu_dma_init_domain, Linux 7.2, for a domain that may have been used before.

package import AddressSpaces
package import IOVAAllocation
package import LinuxReleases
package import Machines

extension DMADomain {
    /// The domain as it was, tree aside.
    package struct Savepoint: Sendable {
        let allocator: IOVADomain.Savepoint
        let hardware: [IOVARange]
        let pages: [UInt64: UInt64]
        let gaveUpBelow4G: Set<Int>
    }

    /// Starts what `commit` keeps and `rollBack(to:)` undoes. Not to be nested.
    package mutating func begin() -> Savepoint {
        Savepoint(
            allocator: iova.beginTransaction(), hardware: hardware, pages: pages,
            gaveUpBelow4G: gaveUpBelow4G)
    }

    package mutating func commit() { iova.commitTransaction() }

    package mutating func rollBack(to savepoint: Savepoint) {
        iova.rollBack(to: savepoint.allocator)
        hardware = savepoint.hardware
        pages = savepoint.pages
        gaveUpBelow4G = savepoint.gaveUpBelow4G
    }

    /// Sets the domain up for its first device. Where something is held already, the reservations come on
    /// top, with the steps of the allocator, and a device that would start it elsewhere is refused.
    ///
    /// - Returns: what Linux's set-up fails with. After EFAULT the domain is as it was; after EINVAL it is
    /// used as far as it was set up.
    package mutating func setUp<R: Recorder>(
        firstDevice device: PreparedDevice, recorder: inout R
    ) -> Errno? {
        let made = device.freshDomain(under: conditions)
        made.reportSetUp(to: &recorder)
        guard made.errno != .badAddress else { return .badAddress }
        guard iova.heldCount > 0 else {
            self = made
            return errno
        }
        guard made.iova.startPFN == iova.startPFN else {
            recorder.record(
                .domainSetUpFails, .rejected,
                "The domain is in use and starts at page \(HexLiteral.text(iova.startPFN)); the device needs "
                    + "\(HexLiteral.text(made.iova.startPFN)): EFAULT.")
            return .badAddress
        }
        var listener = AllocationListener(recorder: recorder)
        defer { recorder = listener.recorder }
        for call in made.reservations.calls { reserve(call, recorder: &listener) }
        reservations = made.reservations
        errno = made.errno
        return errno
    }

    /// Withholds whole pages by hand, as the set-up would for a region of this kind.
    package mutating func withhold<R: AllocationRecorder>(
        _ range: IOVARange, as kind: ReservedRegion.Kind, recorder: inout R
    ) {
        // A DMA domain does not use the driver's window and withholds nothing for it.
        guard kind != .softwareMSI else { return }
        let lo = granule.frame(of: range.start.value)
        let hi = granule.frame(of: range.last.value)
        do {
            _ = try iova.reserve(lo, hi, recorder: &recorder)
        } catch {
            preconditionFailure("reserving \(range.text): \(error)")
        }
        if kind == .msi {
            hardware.append(granule.pages(around: range))
        }
    }

    /// A device leaves the group; the ones after it move up. Whether a device gave up below 4 GiB is
    /// forgotten with it.
    package mutating func forget(member: Int) {
        gaveUpBelow4G = Set(
            gaveUpBelow4G.compactMap { $0 == member ? nil : $0 > member ? $0 - 1 : $0 })
    }

    /// Hardware MSI regions, in whole pages.
    package var hardwareRanges: [IOVARange] { hardware }

    /// Doorbell pages by physical page.
    package var doorbellPages: [UInt64: UInt64] { pages }

    /// Group members that no longer try below 4 GiB.
    package var membersGivenUp: Set<Int> { gaveUpBelow4G }

    /// A domain as it was elsewhere. The caller has checked that the pages are held.
    package init(
        restoring iova: IOVADomain, under conditions: Conditions, errno: Errno?, hardware: [IOVARange],
        pages: [UInt64: UInt64], gaveUpBelow4G: Set<Int>
    ) {
        self.init(under: conditions)
        self.iova = iova
        self.errno = errno
        self.hardware = hardware
        self.pages = pages
        self.gaveUpBelow4G = gaveUpBelow4G
    }
}

extension DMADomain.Member {
    /// A caller that is not an attached device.
    package init(isPCI: Bool, busLimit: UInt64, index: Int) {
        self.init(Device(id: "", kind: isPCI ? .pciFunction : .platform, dmaLimit: busLimit), index: index)
    }
}
