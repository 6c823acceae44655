// What must hold of a domain after every verb, checked when a test asks for it.

extension IOVADomain {
    @inline(__always)
    func verify() {
        if checksInvariants { checkInvariants() }
    }

    /// Traps with the values when something does not hold. O(n).
    package func checkInvariants() {
        tree.checkInvariants()
        for (name, hint) in [("cached32_node", hint32), ("cached_node", hint64)] {
            let range = tree[tree.position(of: hint)]
            precondition(range.hi == hint.hi, "\(name) names a range up to \(hint.hi); \(range) is there")
        }
        for cache in caches {
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
