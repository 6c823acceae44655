// Random calls for the twins. Each trace draws its own geometry and its own subset of calls (swarm
// testing): a trace that never frees, or only reserves, reaches states that an even mix does not.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import TestSupport

/// Draws calls one after another from what the trace did so far.
struct TraceGenerator {
    struct Live {
        var pfn: UInt64
        var size: UInt64
        var isCached: Bool
    }

    private enum Kind: CaseIterable {
        case allocate, allocateFast, free, freeFast, freeAnywhere, reserve, tick
    }

    let granule: Granule
    let startPFN: UInt64
    let release: KernelProfile
    let onlineCPUs: Int
    private(set) var live: [Live] = []
    private var random: SeededGenerator
    private let kinds: [Kind]
    /// Calls left in which only `burst` is made: what fills magazines and depots, and empties them.
    private var burstLeft = 0
    private var burst = Kind.allocateFast
    private let burstMax: Int
    private let sizes: [UInt64]
    private let limits: [UInt64]
    private let newestFirst: Bool

    /// A trace with bursts of up to `burstMax` calls of one kind; 0 for none.
    init(seed: UInt64, burstMax: Int) {
        self.burstMax = burstMax
        var random = SeededGenerator(seed: seed)
        let shift = [0, 12, 12, 12, 14, 16, 27, 28, 29, 30, 31, 32, 33, 40, 63].randomElement(using: &random)!
        granule = Granule(bytes: 1 << UInt64(shift))!
        let border: UInt64 = (1 << 32) >> UInt64(shift)
        let start: UInt64 =
            switch UInt64.random(in: 0..<8, using: &random) {
            case 0: 0
            case 1: border &- UInt64.random(in: 0...40, using: &random)
            case 2: UInt64.random(in: 0...40, using: &random)
            case 3: random.edgeBiased()
            default: 1
            }
        startPFN = start
        release = KernelProfile(KernelRelease.allCases.randomElement(using: &random)!)
        onlineCPUs = Int.random(in: 1...3, using: &random)
        // Allocations always; three weights of zero to four for the rest.
        var kinds: [Kind] = []
        for kind in Kind.allCases {
            let weight = Int.random(in: 0...4, using: &random)
            kinds += Array(repeating: kind, count: weight)
        }
        let first: Kind = Bool.random(using: &random) ? .allocate : .allocateFast
        self.kinds = kinds + Array(repeating: first, count: 4)
        var sizes: [UInt64] = []
        var limits: [UInt64] = []
        for _ in 0..<4 { sizes.append(Self.size(&random)) }
        for _ in 0..<3 { limits.append(Self.limit(border, start, &random)) }
        // Depots fill where nearly everything is of one class.
        if burstMax > 0 { sizes[1] = UInt64.random(in: 1...32, using: &random) }
        if burstMax > 0 { (sizes[2], sizes[3]) = (sizes[1], sizes[1]) }
        self.sizes = sizes
        self.limits = limits
        newestFirst = Bool.random(using: &random)
        self.random = random
    }

    private static func size(_ random: inout SeededGenerator) -> UInt64 {
        switch UInt64.random(in: 0..<16, using: &random) {
        case 0..<6: 1
        case 6..<10: UInt64.random(in: 1...40, using: &random)
        case 10..<13: 1 << UInt64.random(in: 0...9, using: &random)
        case 13..<15: UInt64.random(in: 1...2_000, using: &random)
        default: max(1, random.edgeBiased())
        }
    }

    private static func limit(
        _ border: UInt64, _ start: UInt64, _ random: inout SeededGenerator
    ) -> UInt64 {
        let near = UInt64.random(in: 0...200, using: &random)
        return switch UInt64.random(in: 0..<8, using: &random) {
        case 0..<2: border &- 1
        case 2: border &- 1 &+ near &- 100
        case 3..<5: start &+ near
        case 5: border << 4
        default: random.edgeBiased()
        }
    }

    /// The next call. Frees are drawn from what is live, so `note` needs the results of the calls.
    mutating func next() -> TwinDomain.Call {
        switch nextKind() {
        case .free where !live.isEmpty: return .free(take().pfn)
        case .freeFast where !live.isEmpty:
            let taken = take()
            // A tree-level range of an odd size has no class: the one call that Linux itself breaks on.
            let hasClass = taken.isCached || taken.size >= 32 || taken.size & (taken.size - 1) == 0
            return hasClass ? .freeFast(taken.pfn, size: taken.size) : .free(taken.pfn)
        case .freeAnywhere: return .free(somewhere())
        case .reserve:
            let lo = somewhere()
            let length: UInt64 =
                Bool.random(using: &random) ? UInt64.random(in: 0...64, using: &random) : size()
            return .reserve(lo, lo.addingReportingOverflow(length).overflow ? .max : lo + length)
        case .tick: return .tick
        case .allocateFast:
            return .allocateFast(size: size(), limit: limit(), flushes: Bool.random(using: &random))
        default: return .allocate(size: size(), limit: limit(), isAligned: Bool.random(using: &random))
        }
    }

    /// What an allocation gave.
    mutating func note(_ call: TwinDomain.Call, _ pfn: UInt64?) {
        guard let pfn else { return }
        switch call {
        case .allocate(let size, _, _): live.append(Live(pfn: pfn, size: size, isCached: false))
        case .allocateFast(let size, _, _): live.append(Live(pfn: pfn, size: size, isCached: true))
        default: break
        }
    }

    private mutating func nextKind() -> Kind {
        if burstLeft == 0, burstMax > 0, Int.random(in: 0..<8, using: &random) == 0 {
            burstLeft = Int.random(in: 1...burstMax, using: &random)
            burst = burst == .freeFast ? .allocateFast : .freeFast
        }
        guard burstLeft > 0 else { return kinds.randomElement(using: &random)! }
        burstLeft -= 1
        return burst
    }

    private mutating func take() -> Live {
        let place = Int.random(in: 0..<live.count, using: &random)
        if newestFirst, place > 0 { return live.removeLast() }
        live.swapAt(place, live.count - 1)
        return live.removeLast()
    }

    private mutating func size() -> UInt64 { sizes.randomElement(using: &random)! }
    private mutating func limit() -> UInt64 {
        Int.random(in: 0..<10, using: &random) == 0
            ? random.edgeBiased() : limits.randomElement(using: &random)!
    }

    /// A pfn in, beside or far from what is live.
    private mutating func somewhere() -> UInt64 {
        if let near = live.randomElement(using: &random), Int.random(in: 0..<4, using: &random) > 0 {
            return near.pfn &+ UInt64.random(in: 0...16, using: &random) &- 8
        }
        return Bool.random(using: &random)
            ? startPFN &+ UInt64.random(in: 0...300, using: &random) : random.edgeBiased()
    }
}
