// Makes a digest run, operation by operation as the vectors' description has it.

extension DigestRun {
    private struct Held {
        var pfn: UInt64
        var size: UInt64
    }

    /// Runs on a fresh domain of the given kind. O(operations) calls.
    public func run<Allocator: IOVAAllocator>(
        on type: Allocator.Type
    ) throws(IOVAInputError) -> DigestOutcome {
        var domain = Allocator(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs)
        for range in reservations { _ = try domain.reserve(range.lo, range.hi) }
        var outcome = DigestOutcome()
        var digest = ResultDigest()
        var random = SplitMix64(seed: seed)
        var live: [Held] = []
        // Elements before this one were freed from the front.
        var front = 0
        var (phase, left) = (0, phases[0].operations)
        for index in 0..<operations {
            if left == 0 {
                phase = (phase + 1) % phases.count
                left = phases[phase].operations
            }
            left -= 1
            let draw = random.next()
            let count = live.count - front
            if count == 0 || (count < liveMax && draw & 0xff < phases[phase].allocateBelow) {
                let held = try allocate(on: &domain, random.next())
                digest.feed(allocation: held?.pfn)
                outcome.allocs += 1
                if let held { live.append(held) } else { outcome.failures += 1 }
                outcome.peakLive = max(outcome.peakLive, live.count - front)
            } else {
                let held = Self.take(from: &live, &front, phases[phase].policy, &random)
                switch level {
                case .tree: try domain.free(held.pfn)
                case .cached: try domain.freeFast(held.pfn, size: held.size)
                }
                outcome.frees += 1
            }
            if (index + 1) % Self.checkpointOperations == 0 { outcome.checkpoints.append(digest.value) }
        }
        outcome.digest = digest.value
        outcome.live = live.count - front
        var final = ResultDigest()
        for range in domain.heldRanges {
            final.feed(range.lo)
            final.feed(range.hi)
            outcome.finalRanges += 1
        }
        outcome.finalDigest = final.value
        return outcome
    }

    private func allocate(
        on domain: inout some IOVAAllocator, _ draw: UInt64
    ) throws(IOVAInputError) -> Held? {
        var rest = (draw & 0xffff_ffff) % sizes.reduce(0) { $0 + $1.weight }
        let size = sizes.first { Self.isPicked(&rest, $0.weight) }!.size
        rest = (draw >> 32) % limits.reduce(0) { $0 + $1.weight }
        let entry = limits.first { Self.isPicked(&rest, $0.weight) }!
        let pfn =
            switch level {
            case .tree: try domain.allocate(size: size, limit: entry.limit, isAligned: entry.flag)
            case .cached: try domain.allocateFast(size: size, limit: entry.limit, flushes: entry.flag)
            }
        return pfn.map { Held(pfn: $0, size: size) }
    }

    /// Walks a weighted list: whether `rest` falls into this entry, else it is reduced for the next.
    private static func isPicked(_ rest: inout UInt64, _ weight: UInt64) -> Bool {
        if rest < weight { return true }
        rest -= weight
        return false
    }

    private static func take(
        from live: inout [Held], _ front: inout Int, _ policy: Policy, _ random: inout SplitMix64
    ) -> Held {
        switch policy {
        case .lifo: return live.removeLast()
        case .fifo:
            let held = live[front]
            front += 1
            if front > live.count / 2 {
                live.removeFirst(front)
                front = 0
            }
            return held
        case .random:
            let place = front + Int(random.next() % UInt64(live.count - front))
            live.swapAt(place, live.count - 1)
            return live.removeLast()
        }
    }
}
