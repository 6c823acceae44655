// Recorded allocator calls, replayed on a fresh domain of the product with the limits that the trace states.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows

extension Capture {
    /// Every domain's calls up to the mapping of the doorbell give the recorded addresses.
    func checkReplays(_ ledger: inout Ledger) throws {
        for (number, domain) in (truth.domains ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let granule = Granule(bytes: domain.granule.value) else {
                ledger.expect(domain.granule.value, 0, name, "domain \(number)", "granule")
                continue
            }
            var replay = Replay(
                IOVADomain(granule: granule, startPFN: domain.startPfn, release: conditions.kernel))
            for (index, operation) in domain.opsUntilMsi.enumerated() {
                try replay.apply(operation)
                guard operation.op == "alloc" else { continue }
                ledger.expect(
                    operation.iova.map { $0.value }, replay.lastAddress, name, "domain \(number) op \(index)",
                    "replayed address")
            }
        }
    }

    /// One domain's replay.
    private struct Replay {
        var domain: IOVADomain
        /// Pages freed so far that no allocation has taken again.
        var parked = 0
        /// Address of the last allocation; nil when it failed.
        var lastAddress: UInt64?

        init(_ domain: IOVADomain) { self.domain = domain }

        mutating func apply(_ operation: Truth.Operation) throws {
            let shift = UInt64(domain.granule.shift)
            switch operation.op {
            case "reserve":
                _ = try domain.reserve(operation.loPfn!.value, operation.hiPfn!.value)
            case "free":
                try domain.freeFast(operation.iova!.value >> shift, size: operation.size! >> shift)
                parked += 1
            case "alloc":
                let size = operation.size! >> shift
                let recorded = operation.iova.map { $0.value >> shift }
                let pfn = try allocate(size, operation.limitPfn!.value, recorded: recorded)
                lastAddress = pfn.map { $0 << shift }
            default:
                break  // "map": the IOMMU's page tables, not the allocator.
            }
        }

        /// The guests had two CPUs, each with magazines of its own, and the trace does not say which one
        /// called. A call is right when its address comes from the magazines, or is what a CPU with empty
        /// magazines gets from the tree.
        private mutating func allocate(_ size: UInt64, _ limit: UInt64, recorded: UInt64?) throws -> UInt64? {
            var other = domain
            let pfn = try domain.allocateFast(size: size, limit: limit, flushes: true)
            guard parked > 0, pfn != recorded else { return pfn }
            var pages: UInt64 = 1
            while pages < size { pages <<= 1 }
            let fromTree = try other.allocate(size: size < 32 ? pages : size, limit: limit, isAligned: true)
            domain = other
            return fromTree
        }
    }
}
