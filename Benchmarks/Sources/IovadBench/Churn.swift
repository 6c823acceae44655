// Churn: N live allocations, and operations that free one and allocate another. Which one, and how many
// pages, is drawn before a block is timed, so that the clock sees the allocator alone.

import AddressSpaces
import IOVAAllocation
import LinuxReleases

struct ChurnKind {
    enum Order {
        case random, fifo, lifo
    }

    var isCached: Bool
    var isMixed: Bool
    var order: Order

    static let limit: UInt64 = 0xf_ffff_ffff
    static let blocks = 11

    /// Operations of one timed block.
    func blockLength(_ size: Int) -> Int {
        if !isCached, order == .random { return min(max(20_000_000 / size, 20), 20_000) }
        return isCached && isMixed ? min(20_000, max(1, 2_000_000_000 / size)) : 20_000
    }

    /// Operations before the first timed block.
    func warmUpLength(_ size: Int) -> Int {
        let length = min(2 * size, 2_000_000)
        let isLong = (!isCached && order == .random) || (isCached && isMixed)
        return isLong ? min(length, 2_000_000_000 / size) : length
    }
}

/// One implementation in the middle of a churn.
struct Churn<Allocator: IOVAAllocator> {
    private let kind: ChurnKind
    private let stopwatch: Stopwatch
    private var domain = Allocator(granule: .kib4, startPFN: 1, release: .newest, onlineCPUs: 1)
    private var random = SplitMix64(seed: 42)
    private var pfns: [UInt64] = []
    private var sizes: [UInt64] = []
    private var counter = 0
    /// Of the operations of the current block.
    private var slots: [Int] = []
    private var newSizes: [UInt64] = []
    private var results: [UInt64] = []

    private static var mixedSizes: [(weight: UInt64, size: UInt64)] {
        [
            (60, 1), (10, 2), (6, 4), (5, 8), (4, 16), (4, 32), (2, 3), (1, 5), (1, 7), (1, 13), (1, 25),
            (2, 64), (1, 128), (1, 256), (1, 512),
        ]
    }

    /// By the upper half of a draw, modulo 100.
    private let sizeTable: [UInt64]

    init(_ kind: ChurnKind, size: Int, _ stopwatch: Stopwatch) {
        self.kind = kind
        self.stopwatch = stopwatch
        var table: [UInt64] = []
        for entry in Self.mixedSizes {
            table += Array(repeating: entry.size, count: Int(entry.weight))
        }
        sizeTable = table
        for _ in 0..<size {
            let pages = drawSize()
            sizes.append(pages)
            pfns.append(allocate(pages))
        }
    }

    /// Runs operations. Returns nanoseconds for all.
    mutating func run(_ count: Int) -> UInt64 {
        draw(count)
        let start = Stopwatch.now()
        if kind.isCached { churnCached() } else { churnTree() }
        return stopwatch.elapsed(since: start)
    }

    /// Feeds the results of the last run.
    func feed(_ digest: inout ResultDigest) {
        for pfn in results { digest.feed(pfn) }
    }

    private mutating func draw(_ count: Int) {
        slots.removeAll(keepingCapacity: true)
        newSizes.removeAll(keepingCapacity: true)
        results = Array(repeating: 0, count: count)
        for _ in 0..<count {
            switch kind.order {
            case .random: slots.append(Int(random.next() % UInt64(pfns.count)))
            case .lifo: slots.append(pfns.count - 1)
            case .fifo:
                slots.append(counter % pfns.count)
                counter += 1
            }
            newSizes.append(drawSize())
        }
    }

    private mutating func drawSize() -> UInt64 {
        kind.isMixed ? sizeTable[Int((random.next() >> 32) % 100)] : 1
    }

    private mutating func allocate(_ pages: UInt64) -> UInt64 {
        do {
            let pfn =
                kind.isCached
                ? try domain.allocateFast(size: pages, limit: ChurnKind.limit, flushes: true)
                : try domain.allocate(size: pages, limit: ChurnKind.limit, isAligned: true)
            return pfn ?? ResultDigest.failure
        } catch {
            preconditionFailure("\(error) for \(pages) pages")
        }
    }

    private mutating func churnTree() {
        do throws(IOVAInputError) {
            for index in slots.indices {
                let slot = slots[index]
                try domain.free(pfns[slot])
                let pfn = try domain.allocate(size: newSizes[index], limit: ChurnKind.limit, isAligned: true)
                results[index] = pfn ?? ResultDigest.failure
                pfns[slot] = results[index]
            }
        } catch {
            preconditionFailure("\(error) in a churn")
        }
    }

    private mutating func churnCached() {
        do throws(IOVAInputError) {
            for index in slots.indices {
                let slot = slots[index]
                try domain.freeFast(pfns[slot], size: sizes[slot])
                sizes[slot] = newSizes[index]
                let pfn = try domain.allocateFast(size: sizes[slot], limit: ChurnKind.limit, flushes: true)
                results[index] = pfn ?? ResultDigest.failure
                pfns[slot] = results[index]
            }
        } catch {
            preconditionFailure("\(error) in a churn")
        }
    }
}
