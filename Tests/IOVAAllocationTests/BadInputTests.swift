// What Linux does not survive is refused with its values, and the domain stays as it was.

import AddressSpaces
import IOVAAllocation
import LinearWalk
import LinuxReleases
import Testing

@Suite struct BadInputTests {
    private func refuses<Allocator: IOVAAllocator>(
        _ type: Allocator.Type, _ granule: UInt64, _ error: IOVAInputError,
        _ call: (inout Allocator) throws(IOVAInputError) -> Void
    ) {
        var domain = Allocator(
            granule: Granule(bytes: granule)!, startPFN: 1, release: .newest, onlineCPUs: 1)
        #expect((try? domain.allocate(size: 3, limit: 0xfff, isAligned: true)) == 0xffc)
        let before = Array(domain.heldRanges)
        #expect(throws: error) { try call(&domain) }
        #expect(Array(domain.heldRanges) == before)
        // Hints and memo are where they were: the next answer is the usual one.
        #expect((try? domain.allocate(size: 1, limit: 0xfff, isAligned: true)) == 0xffb)
    }

    private func refusesEverything<Allocator: IOVAAllocator>(_ type: Allocator.Type) {
        refuses(type, 0x1000, .zeroSize) { domain throws(IOVAInputError) in
            _ = try domain.allocate(size: 0, limit: 5, isAligned: false)
        }
        refuses(type, 0x1000, .zeroSize) { domain throws(IOVAInputError) in
            _ = try domain.allocateFast(size: 0, limit: 5, flushes: true)
        }
        let huge = UInt64(1) << 63 + 1
        refuses(type, 0x1000, .sizeBeyondAlignment(size: huge)) { domain throws(IOVAInputError) in
            _ = try domain.allocate(size: huge, limit: .max - 1, isAligned: true)
        }
        refuses(type, 0x1000, .sizeBeyondAlignment(size: huge)) { domain throws(IOVAInputError) in
            _ = try domain.allocateFast(size: huge, limit: .max - 1, flushes: false)
        }
        refuses(type, 0x1000, .reversedRange(lo: 9, hi: 8)) { domain throws(IOVAInputError) in
            _ = try domain.reserve(9, 8)
        }
        refuses(type, 1, .growsSentinel(lo: 0x5000)) { domain throws(IOVAInputError) in
            _ = try domain.reserve(0x5000, .max)
        }
        refuses(type, 0x1000, .freesSentinel) { domain throws(IOVAInputError) in try domain.free(.max) }
    }

    @Test func product() { refusesEverything(IOVADomain.self) }
    @Test func reference() { refusesEverything(LinearWalkDomain.self) }

    /// Legal though it looks wrong: vectors show what happens.
    @Test func oddIsNotWrong() throws {
        var domain = IOVADomain(granule: .kib4, startPFN: 1)
        #expect(try domain.allocate(size: 1, limit: .max, isAligned: true) == nil)
        #expect(try domain.reserve(0, .max) == nil)
        #expect(try domain.free(7) == nil)
        #expect(try domain.allocate(size: 1 << 63 + 1, limit: .max - 1, isAligned: false) != nil)
    }
}
