// Which translation granule the page-table code takes, and what it leaves of a set of page sizes.

import AddressSpaces
import Machines
import Testing

@Suite struct PageSizesTests {
    @Test func granuleFallsBelowBeforeAbove() {
        #expect(PageSizes.all.translationGranule(cpuPage: .kib16) == .kib16)
        #expect(PageSizes.kib4.translationGranule(cpuPage: .kib64) == .kib4)
        #expect(PageSizes.kib64.translationGranule(cpuPage: .kib4) == .kib64)
        // 16 KiB pages under a 64 KiB kernel that has only 16 KiB and 2 MiB: below first.
        #expect(PageSizes(bitmap: Granule.kib16.bytes).translationGranule(cpuPage: .kib64) == .kib16)
        #expect(PageSizes(bitmap: 0).translationGranule(cpuPage: .kib4) == nil)
        #expect(PageSizes(bitmap: 1 << 21).restricted(toCPUPage: .kib4, outputBits: 48) == nil)
    }
}
