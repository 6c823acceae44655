// Every sequence of up to six calls from small alphabets in a space of 16 pages. With a granule of 2^29
// the 4 GiB border lies at page 8, in the middle of the space, so both hints and the memo take part.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import TestSupport
import Testing

@Suite struct ExhaustiveTests {
    /// A call whose arguments depend on what is live.
    enum Letter: Hashable {
        case call(TwinDomain.Call)
        case freeOldest, freeNewest, freeFastOldest, freeFastNewest
    }

    static let depth = 6

    private struct State {
        var twins: TwinDomain
        /// Not freed yet, oldest first.
        var live: [(pfn: UInt64, size: UInt64)] = []
    }

    private func allocate(_ size: UInt64, _ limit: UInt64, _ isAligned: Bool) -> Letter {
        .call(.allocate(size: size, limit: limit, isAligned: isAligned))
    }

    private func fast(_ size: UInt64, _ limit: UInt64, _ flushes: Bool) -> Letter {
        .call(.allocateFast(size: size, limit: limit, flushes: flushes))
    }

    private func start(_ startPFN: UInt64, _ release: KernelProfile) -> State {
        State(
            twins: TwinDomain(
                granule: Granule(bytes: 1 << 29)!, startPFN: startPFN, release: release, onlineCPUs: 1,
                checked: false))
    }

    /// The call of a letter here; nil when there is nothing to free.
    private func call(_ letter: Letter, _ state: inout State) -> TwinDomain.Call? {
        switch letter {
        case .call(let call): return call
        case .freeOldest: return state.live.isEmpty ? nil : .free(state.live.removeFirst().pfn)
        case .freeNewest: return state.live.popLast().map { .free($0.pfn) }
        case .freeFastOldest:
            guard !state.live.isEmpty else { return nil }
            let taken = state.live.removeFirst()
            return .freeFast(taken.pfn, size: taken.size)
        case .freeFastNewest: return state.live.popLast().map { .freeFast($0.pfn, size: $0.size) }
        }
    }

    /// Visits every sequence below `state`. Returns how many, or nil after the first difference.
    private func visit(_ state: State, _ letters: [Letter], _ path: [Letter]) -> Int? {
        var count = 0
        for letter in letters {
            var next = state
            guard let call = call(letter, &next) else { continue }
            let outcome = next.twins.make(call)
            guard let agreed = outcome.agreed, next.twins.holdsTheSame else {
                Issue.record(
                    "\(path + [letter]): product \(outcome.product), reference \(outcome.reference)")
                return nil
            }
            if let pfn = agreed.pfn {
                switch call {
                case .allocate(let size, _, _), .allocateFast(let size, _, _):
                    next.live.append((pfn, size))
                default: break
                }
            }
            count += 1
            if path.count + 1 < Self.depth {
                guard let below = visit(next, letters, path + [letter]) else { return nil }
                count += below
            }
        }
        return count
    }

    private func sequences(_ letters: [Letter], startPFN: UInt64, _ release: KernelProfile) -> Int {
        visit(start(startPFN, release), letters, []) ?? 0
    }

    @Test func treeLevel() {
        let letters = [
            allocate(1, 7, false), allocate(2, 15, true), allocate(3, 7, false), allocate(1, 15, true),
            .freeOldest, .freeNewest, .call(.reserve(5, 9)), .call(.reserve(0, 2)), .call(.free(6)),
        ]
        #expect(sequences(letters, startPFN: 1, .v7_2) > 300_000)
    }

    @Test func bordersAndFailures() {
        let letters = [
            allocate(2, 8, true), allocate(9, 15, false), allocate(1, 3, false), allocate(4, 7, true),
            .freeOldest, .freeNewest, .call(.reserve(7, 8)), .call(.free(7)), allocate(3, .max, true),
        ]
        #expect(sequences(letters, startPFN: 0, .v7_2) > 300_000)
        #expect(sequences(Array(letters.prefix(7)), startPFN: 5, .v6_1) > 40_000)
    }

    @Test func cachedLevel() {
        let letters = [
            fast(1, 7, true), fast(3, 15, false), fast(8, 15, true), fast(1, .max, false),
            allocate(1, 15, true), .freeFastOldest, .freeFastNewest, .freeNewest, .call(.free(14)),
        ]
        // A tree-level range of one page has a class, so every mixture here is sound.
        #expect(sequences(letters, startPFN: 1, .v7_2) > 200_000)
        #expect(sequences(Array(letters.prefix(8)), startPFN: 0, .v6_1) > 100_000)
    }
}
