// Pages of a domain: counts and whole ranges, against counting by hand.

import AddressSpaces
import Testing

@Suite struct GranuleTests {
    @Test(arguments: [UInt64(1), 2, 4, 8]) func countsAndWholeRanges(bytes: UInt64) throws {
        let granule = try #require(Granule(bytes: bytes))
        for size in UInt64(0)...40 {
            let pages = Set((0..<size).map { $0 / bytes })
            #expect(granule.pageCount(of: size) == UInt64(pages.count))
        }
        for start in UInt64(0)...20 {
            #expect(granule.frame(of: granule.address(ofFrame: start)) == start)
            for last in start...20 {
                let isWhole = start % bytes == 0 && (last + 1) % bytes == 0
                #expect(granule.isWhole(IOVARange(proven: start, last)) == isWhole)
            }
        }
        #expect(granule.isWhole(IOVARange.full))
        #expect(granule.pageCount(of: .max) == UInt64.max / bytes + (bytes == 1 ? 0 : 1))
    }
}
