// The doorbell pages of one iommufd context since Linux 6.15, shared by all of its domains: at most 64 pages,
// whatever the windows, each at its window's start plus a running number. Mirrors
// drivers/iommu/iommufd/driver.c: iommufd_sw_msi and iommufd_sw_msi_get_map, Linux 7.2.

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

    package static let pagesMax = SoftwareMSIMap.pagesMax

    private var map = SoftwareMSIMap(conditions: Conditions())

    package init() {}

    /// A context as it was. Where a window has several pages their numbers are 0, 1, 2 ...; the caller has
    /// checked it.
    package init(_ pages: [Page]) {
        for page in pages {
            map.entries[.init(start: page.window, page: page.physical)] = page.number
            map.used[page.window] = max(map.used[page.window] ?? 0, page.number + 1)
        }
    }

    /// By window, then number.
    package var pages: [Page] {
        map.entries.map { Page(window: $0.key.start, physical: $0.key.page, number: $0.value) }
            .sorted { ($0.window, $0.number) < ($1.window, $1.number) }
    }

    /// Maps a doorbell for a group whose window is `window`, or finds it.
    package mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, in window: IOVARange, _ conditions: Conditions, _ recorder: inout R
    ) throws(Refusal) -> DoorbellMap.Mapped {
        var mapped = MappedDoorbells()
        map.conditions = conditions
        map.map(doorbell, in: window, &mapped, &recorder)
        return try mapped.only(in: window)
    }
}

package struct SoftwareMSIMap: Sendable {
    /// Pages that one context can map: the bits of `struct iommufd_sw_msi_maps`.
    static let pagesMax = 64

    var conditions: Conditions
    var entries: [Entry: UInt64] = [:]
    var used: [UInt64: UInt64] = [:]

    struct Entry: Hashable, Sendable {
        let start: UInt64
        let page: UInt64
    }

    init(conditions: Conditions) { self.conditions = conditions }

    /// Maps a doorbell for a group whose window is `window`.
    mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, in window: IOVARange, _ mapped: inout MappedDoorbells,
        _ recorder: inout R
    ) {
        let size = conditions.pageSize
        let entry = Entry(start: window.start.value, page: size.alignDown(doorbell.value))
        let offset = doorbell.value & size.mask
        if let known = entries[entry] {
            let page = entry.start &+ known << UInt64(size.shift)
            recorder.record(
                .softwarePageReused, .noted, "\(doorbell.hex) shares the page at \(HexLiteral.text(page)).")
            mapped.add(doorbell, page: page, offset: offset)
            return
        }
        guard entries.count < Self.pagesMax else {
            recorder.record(
                .softwarePagesExhausted, .rejected,
                "All \(Self.pagesMax) doorbell pages of this context are taken.")
            mapped.warn(
                .doorbellPagesExhausted,
                "An iommufd context maps \(Self.pagesMax) doorbell pages at most; the page of \(doorbell.hex) is one "
                    + "too many.")
            mapped.errno = .overflow
            return
        }
        let number = used[entry.start] ?? 0
        let (page, wraps) = entry.start.addingReportingOverflow(number << UInt64(size.shift))
        guard !wraps, isMappable(page, &recorder) else {
            mapped.errno = .noSpace
            return
        }
        entries[entry] = number
        used[entry.start] = number + 1
        if size.lastOfPage(page) > window.last.value {
            recorder.record(
                .pastWindowEnd, .noted, "\(HexLiteral.text(page)) lies behind the window \(window.text).")
            mapped.warn(
                .doorbellsPastWindow,
                "The doorbell page at \(HexLiteral.text(page)) lies behind the window's end \(window.last.hex), where "
                    + "nothing is reserved for it.")
        }
        recorder.record(
            .softwarePageMapped, .accepted,
            "The page of \(doorbell.hex) is number \(number) of its window, at \(HexLiteral.text(page)).")
        mapped.add(doorbell, page: page, offset: offset)
    }

    private func isMappable<R: Recorder>(_ page: UInt64, _ recorder: inout R) -> Bool {
        guard conditions.pageSize.lastOfPage(page) <= conditions.aperture.last.value,
            page >= conditions.aperture.start.value
        else {
            recorder.record(
                .beyondAperture, .rejected,
                "\(HexLiteral.text(page)) is beyond the aperture \(conditions.aperture.text).")
            return false
        }
        guard conditions.pageSize.isAligned(page) else {
            recorder.record(
                .pageUnmappable, .rejected, "\(HexLiteral.text(page)) is not aligned to a page.")
            return false
        }
        return true
    }
}
