// What must hold of a domain after every verb, checked when a test asks for it.

extension IOVADomain {
    // `mutating`, so that the caller's domain is not copied for the call.
    @inline(__always)
    mutating func verify() {
        if checksInvariants { checkInvariants() }
    }

    /// Traps with the values when something does not hold. O(n).
    @inline(never)
    package mutating func checkInvariants() {
        tree.checkInvariants()
        for (name, hint) in [("cached32_node", hint32), ("cached_node", hint64)] {
            let range = tree[tree.position(of: hint)]
            precondition(range.hi == hint.hi, "\(name) names a range up to \(hint.hi); \(range) is there")
        }
        for order in caches.indices {
            let cache = caches[order]
            precondition(
                cache.loaded.count <= MagazineCache.magazineCapacity
                    && cache.previous.count <= MagazineCache.magazineCapacity,
                "magazines of \(cache.loaded.count) and \(cache.previous.count) entries")
            precondition(
                cache.depot.allSatisfy { $0.count == MagazineCache.magazineCapacity },
                "a magazine in the depot is not full")
        }
    }
}
