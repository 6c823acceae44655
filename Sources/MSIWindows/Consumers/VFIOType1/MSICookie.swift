// VFIO's linear cookie, and iommufd's up to Linux 6.14: a cursor that starts at the window and never looks
// at its end. Mirrors drivers/iommu/dma-iommu.c: iommu_dma_get_msi_page with IOMMU_COOKIE_DMA_MSI,
// Linux 7.2.

import AddressSpaces
import LinuxReleases

package struct MSICookie: Sendable {
    let window: IOVARange
    private let conditions: Conditions
    /// The next page; nil past 2^64-1.
    private var next: UInt64?
    private var pages = SmallMap<UInt64, UInt64>()

    init(window: IOVARange, conditions: Conditions) {
        self.window = window
        self.conditions = conditions
        next = window.start.value
    }

    static func begins(at window: IOVARange) -> String { "The MSI cookie starts at \(window.start.hex)." }

    /// Maps the page of a doorbell unless it is mapped already.
    mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, _ mapped: inout DoorbellMap.Results, _ recorder: inout R
    ) {
        let size = conditions.pageSize
        let physicalPage = size.alignDown(doorbell.value)
        let offset = doorbell.value & size.mask
        if let page = pages[physicalPage] {
            recorder.record(.pageReused, .noted, DoorbellMap.sharing(doorbell, page: page))
            mapped.add(doorbell, page: page, offset: offset)
            return
        }
        guard let page = takePage(for: doorbell, &mapped, &recorder) else {
            mapped.errno = .noSpace
            return
        }
        pages.set(page, for: physicalPage)
        recorder.record(
            .doorbellMapped, .accepted,
            "The page of \(doorbell.hex) is mapped at \(HexLiteral.text(page)).")
        mapped.add(doorbell, page: page, offset: offset)
    }

    /// The next page, nil when it cannot be mapped: page 0 counts as failure though the cursor has moved,
    /// and beyond the aperture the IOMMU refuses, with the cursor put back.
    private mutating func takePage<R: Recorder>(
        for doorbell: PhysicalAddress, _ mapped: inout DoorbellMap.Results, _ recorder: inout R
    ) -> UInt64? {
        guard let page = next else { return nil }
        if page == 0 {
            advance(page)
            recorder.record(.baseZero, .rejected, "Address 0 counts as a failure; the cursor has moved on.")
            mapped.warn(
                .baseZero,
                "A cookie at address 0 loses its first page: the doorbell \(doorbell.hex) is not mapped.")
            return nil
        }
        guard DoorbellMap.isTranslated(page, conditions, &recorder) else { return nil }
        guard conditions.userPage == conditions.pageSize, conditions.granule.isAligned(page) else {
            recorder.record(
                .pageUnmappable, .rejected,
                "\(HexLiteral.text(page)) cannot be mapped: the IOMMU's smallest page is "
                    + "\(HexLiteral.text(conditions.granule.bytes)).")
            return nil
        }
        mapped.check(page, in: window, conditions.pageSize, &recorder)
        advance(page)
        return page
    }

    private mutating func advance(_ page: UInt64) {
        let (sum, wraps) = page.addingReportingOverflow(conditions.pageSize.bytes)
        next = wraps ? nil : sum
    }
}
