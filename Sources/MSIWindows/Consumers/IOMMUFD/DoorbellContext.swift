// The doorbell pages of one iommufd context since Linux 6.15, shared by all of its domains: the same doorbell
// has the same IOVA in each. At most 64 pages, whatever the windows, each at its window's start plus a
// number. Mirrors drivers/iommu/iommufd/driver.c: iommufd_sw_msi and iommufd_sw_msi_get_map, Linux 7.2.

package import AddressSpaces
import LinuxReleases

/// What an open iommufd file remembers of doorbells.
package struct DoorbellContext: Sendable {
    /// One page of the map.
    package struct Page: Hashable, Sendable {
        /// Start of the window that the page lies in.
        package var window: UInt64
        /// Physical page.
        package var physical: UInt64
        /// From 0, in pages from the window's start.
        package var number: UInt64

        package init(window: UInt64, physical: UInt64, number: UInt64) {
            self.window = window
            self.physical = physical
            self.number = number
        }
    }

    /// Pages that one context can map: the bits of `struct iommufd_sw_msi_maps`.
    package static let pagesMax = 64

    private struct Key: Hashable {
        let window: UInt64
        let physical: UInt64
    }

    private var numbers = SmallMap<Key, UInt64>()
    /// By a window's start: the number of its next page.
    private var nextNumbers = SmallMap<UInt64, UInt64>()

    package init() {}

    /// A context as it was. Where a window has several pages their numbers are 0, 1, 2 ...; the caller has
    /// checked it.
    package init(_ pages: [Page]) {
        for page in pages {
            numbers.set(page.number, for: Key(window: page.window, physical: page.physical))
            nextNumbers.set(max(nextNumbers[page.window] ?? 0, page.number + 1), for: page.window)
        }
    }

    /// By window, then number.
    package var pages: [Page] {
        numbers.entries.map { Page(window: $0.key.window, physical: $0.key.physical, number: $0.value) }
            .sorted { ($0.window, $0.number) < ($1.window, $1.number) }
    }

    /// Maps a doorbell for a group whose window is `window`, or finds it.
    package mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, in window: IOVARange, _ conditions: Conditions, _ recorder: inout R
    ) throws(Refusal) -> DoorbellMap.Mapped {
        var results = DoorbellMap.Results()
        map(doorbell, in: window, conditions, &results, &recorder)
        return try results.only(in: window)
    }

    /// The same for one of several doorbells.
    mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, in window: IOVARange, _ conditions: Conditions,
        _ results: inout DoorbellMap.Results, _ recorder: inout R
    ) {
        let size = conditions.pageSize
        let key = Key(window: window.start.value, physical: size.alignDown(doorbell.value))
        let offset = doorbell.value & size.mask
        if let known = numbers[key] {
            let page = key.window &+ size.address(ofFrame: known)
            recorder.record(.softwarePageReused, .noted, DoorbellMap.sharing(doorbell, page: page))
            results.add(doorbell, page: page, offset: offset)
            return
        }
        guard numbers.count < Self.pagesMax else {
            recorder.record(
                .softwarePagesExhausted, .rejected,
                "All \(Self.pagesMax) doorbell pages of this context are taken.")
            results.warn(
                .doorbellPagesExhausted,
                "An iommufd context maps \(Self.pagesMax) doorbell pages at most; the page of \(doorbell.hex) is one "
                    + "too many.")
            results.errno = .overflow
            return
        }
        let number = nextNumbers[key.window] ?? 0
        let (page, wraps) = key.window.addingReportingOverflow(size.address(ofFrame: number))
        guard !wraps, Self.isMappable(page, conditions, &recorder) else {
            results.errno = .noSpace
            return
        }
        numbers.set(number, for: key)
        nextNumbers.set(number + 1, for: key.window)
        results.check(page, in: window, size, &recorder)
        recorder.record(
            .softwarePageMapped, .accepted,
            "The page of \(doorbell.hex) is number \(number) of its window, at \(HexLiteral.text(page)).")
        results.add(doorbell, page: page, offset: offset)
    }

    private static func isMappable<R: Recorder>(
        _ page: UInt64, _ conditions: Conditions, _ recorder: inout R
    ) -> Bool {
        guard DoorbellMap.isTranslated(page, conditions, &recorder) else { return false }
        guard conditions.pageSize.isAligned(page) else {
            recorder.record(
                .pageUnmappable, .rejected, "\(HexLiteral.text(page)) is not aligned to a page.")
            return false
        }
        return true
    }
}
