// One request in a domain that was made as bad as it can be: rows of holes that do not fit, or a low
// limit under many high ranges. Only that request is timed; the others of an iteration restore the state.

import AddressSpaces
import IOVAAllocation
import LinuxReleases

enum OneRequestKind {
    case frag32Fail, frag32Succeed, tight, frag36Fail, comb32

    static let iterations = 60
    /// Iterations of one implementation before the other has its turn.
    static let turn = 15

    var limit: UInt64 { self == .frag36Fail ? 0xff_ffff : 0xf_ffff }
}

/// One implementation with the domain of a case.
struct OneRequest<Allocator: IOVAAllocator> {
    private let kind: OneRequestKind
    private let stopwatch: Stopwatch
    private var domain = Allocator(granule: .kib4, startPFN: 1, release: .newest, onlineCPUs: 1)
    /// Of `tight`: allocations, the oldest at `front`.
    private var queue: [UInt64] = []
    private var front = 0
    private(set) var digest = ResultDigest()

    init(_ kind: OneRequestKind, size: Int, _ stopwatch: Stopwatch) {
        self.kind = kind
        self.stopwatch = stopwatch
        switch kind {
        case .frag32Fail:
            for _ in 0..<64 { _ = allocate(1) }
            fragment(2 * size, reservingRest: true)
        case .frag32Succeed:
            for _ in 0..<2 * OneRequestKind.iterations + 2 { _ = allocate(1) }
            fragment(2 * size, reservingRest: false)
        case .frag36Fail: fragment(2 * size, reservingRest: true)
        case .tight:
            for _ in 0..<size { queue.append(allocate(1)) }
        case .comb32:
            for _ in 0..<65 { _ = allocate(1) }
            var holes: [UInt64] = []
            var lowest = UInt64.max
            for _ in 0..<size {
                holes.append(allocate(2, isAligned: false))
                lowest = allocate(2, isAligned: false)
            }
            reserve(below: lowest)
            holes.forEach { free($0) }
        }
    }

    /// Single pages, every other one freed again.
    private mutating func fragment(_ count: Int, reservingRest: Bool) {
        var pages: [UInt64] = []
        for _ in 0..<count { pages.append(allocate(1)) }
        if reservingRest { reserve(below: pages[count - 1]) }
        for index in stride(from: 0, to: count, by: 2) { free(pages[index]) }
    }

    /// Iteration `index`, from 0. Returns nanoseconds of its timed request.
    mutating func iterate(_ index: Int) -> UInt64 {
        switch kind {
        case .frag32Fail, .comb32:
            free(0xf_ffff)
            let (result, span) = timed(2, kind.limit)
            digest.feed(result)
            let top = allocate(1)
            precondition(top == 0xf_ffff, "the top page went to \(top)")
            digest.feed(top)
            return span
        case .frag32Succeed:
            free(0xf_ffff - 2 * UInt64(index))
            let (result, span) = timed(2, kind.limit)
            digest.feed(result)
            return span
        case .frag36Fail:
            let (result, span) = timed(2, kind.limit)
            digest.feed(result)
            return span
        case .tight:
            free(queue[front])
            front += 1
            let (result, span) = timed(1, 0xffff)
            digest.feed(result)
            free(result)
            queue.append(allocate(1))
            digest.feed(queue[queue.count - 1])
            return span
        }
    }

    private mutating func timed(_ pages: UInt64, _ limit: UInt64) -> (result: UInt64, span: UInt64) {
        do throws(IOVAInputError) {
            let start = Stopwatch.now()
            let pfn = try domain.allocate(size: pages, limit: limit, isAligned: true)
            let span = stopwatch.elapsed(since: start)
            return (pfn ?? ResultDigest.failure, span)
        } catch {
            preconditionFailure("\(error) for \(pages) pages")
        }
    }

    private mutating func allocate(_ pages: UInt64, isAligned: Bool = true) -> UInt64 {
        do throws(IOVAInputError) {
            let pfn = try domain.allocate(size: pages, limit: kind.limit, isAligned: isAligned)
            return pfn ?? ResultDigest.failure
        } catch {
            preconditionFailure("\(error) for \(pages) pages")
        }
    }

    private mutating func free(_ pfn: UInt64) {
        do throws(IOVAInputError) {
            try domain.free(pfn)
        } catch {
            preconditionFailure("\(error) for a free of \(pfn)")
        }
    }

    private mutating func reserve(below pfn: UInt64) {
        do throws(IOVAInputError) {
            _ = try domain.reserve(1, pfn - 1)
        } catch {
            preconditionFailure("\(error) for a reservation below \(pfn)")
        }
    }
}
