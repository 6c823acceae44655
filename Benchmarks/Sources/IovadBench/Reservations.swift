// Many reservations in random order into a fresh domain, as a machine with a long list of regions makes
// them when a device attaches.

import AddressSpaces
import IOVAAllocation
import LinuxReleases

enum Reservations {
    static let repetitions = 5

    /// [0x100000 + 16i, +7] in the order of a Fisher-Yates shuffle from the top, seed 7.
    static func shuffled(_ count: Int) -> [PageFrameRange] {
        var ranges = (0..<UInt64(count)).map { index in
            PageFrameRange(lo: 0x10_0000 + 16 * index, hi: 0x10_0000 + 16 * index + 7)
        }
        var random = SplitMix64(seed: 7)
        for index in stride(from: count - 1, to: 0, by: -1) {
            ranges.swapAt(index, Int(random.next() % UInt64(index + 1)))
        }
        return ranges
    }

    /// Nanoseconds for all, and the digest of what the calls returned.
    static func run<Allocator: IOVAAllocator>(
        _ ranges: [PageFrameRange], on type: Allocator.Type, _ stopwatch: Stopwatch
    ) -> (span: UInt64, check: UInt64) {
        var domain = Allocator(granule: .kib4, startPFN: 1, release: .newest, onlineCPUs: 1)
        var results: [PageFrameRange?] = Array(repeating: nil, count: ranges.count)
        let start = Stopwatch.now()
        do throws(IOVAInputError) {
            for index in ranges.indices {
                results[index] = try domain.reserve(ranges[index].lo, ranges[index].hi)
            }
        } catch {
            preconditionFailure("\(error) for a reservation")
        }
        let span = stopwatch.elapsed(since: start)
        var digest = ResultDigest()
        for result in results {
            digest.feed(result?.lo ?? ResultDigest.failure)
            digest.feed(result?.hi ?? ResultDigest.failure)
        }
        return (span, digest.value)
    }
}
