// What a live range costs: by how much the process's resident set grows for a domain of N single pages.
// Once as filled, from the top down, and once after random frees and allocations, which leave an ordered
// structure's nodes partly empty. Only the first domain of a process is measured cleanly: later ones may
// live in pages that were left over.

import AddressSpaces
import Glibc
import IOVAAllocation
import LinuxReleases

struct MemoryUse {
    /// Bytes a range when filled.
    var filled = 0.0
    /// Bytes a range after churn.
    var churned = 0.0

    /// Of a domain of `count` ranges.
    static func of<Allocator: IOVAAllocator>(_ type: Allocator.Type, count: Int) -> MemoryUse {
        var pfns: [UInt64] = []
        pfns.reserveCapacity(count)
        // Touched now, so that the list is not counted as the domain's.
        for _ in 0..<count { pfns.append(0) }
        let before = ResidentSet.bytes()
        var domain = Allocator(granule: .kib4, startPFN: 1, release: .newest, onlineCPUs: 1)
        var use = MemoryUse()
        do throws(IOVAInputError) {
            for index in 0..<count {
                pfns[index] =
                    try domain.allocate(size: 1, limit: ChurnKind.limit, isAligned: true)
                    ?? ResultDigest.failure
            }
            use.filled = Double(ResidentSet.bytes() - before) / Double(count)
            var random = SplitMix64(seed: 42)
            for _ in 0..<2 * count {
                let slot = Int(random.next() % UInt64(count))
                try domain.free(pfns[slot])
                pfns[slot] =
                    try domain.allocate(size: 1, limit: ChurnKind.limit, isAligned: true)
                    ?? ResultDigest.failure
            }
            use.churned = Double(ResidentSet.bytes() - before) / Double(count)
            // Reads the domain after the measurement, so that it lives until then.
            precondition(domain.heldCount == count, "\(domain.heldCount) ranges instead of \(count)")
        } catch {
            preconditionFailure("\(error) while filling")
        }
        return use
    }
}
