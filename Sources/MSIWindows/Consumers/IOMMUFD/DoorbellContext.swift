// The doorbell pages of one iommufd context, shared by all of its domains: the same doorbell has the same
// IOVA in each. It carries the map of Linux 6.15 from one question to the next and adds nothing to it.

package import AddressSpaces

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
