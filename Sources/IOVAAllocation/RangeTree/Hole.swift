// One hole, measured once for what summaries keep of it.

/// A hole of at least one page.
struct Hole {
    /// Pages.
    let length: UInt64
    /// Order of the largest naturally aligned block inside, 0 ... 63.
    let blockOrder: Int
    /// Pages above the first boundary of 2^(blockOrder + 1), which are fewer than that; 0 for none.
    let capacity: UInt64

    /// Page frames `bottom ..< top`.
    @inline(__always)
    init(bottom: UInt64, top: UInt64) {
        precondition(bottom < top, "hole \(bottom) ..< \(top)")
        length = top &- bottom
        // A hole of 2^k ... 2^(k+1)-1 pages holds a block of order k or, if none is aligned, of order k-1.
        let k = 63 &- length.leadingZeroBitCount
        let block: UInt64 = 1 << UInt64(k)
        let aligned = (bottom &+ (block &- 1)) & ~(block &- 1)
        // A boundary that wrapped lies below the hole.
        let fits = aligned >= bottom && aligned < top && top &- aligned >= block
        blockOrder = fits ? k : k &- 1
        // Above order 63 there is no boundary, and no request that asks for one.
        let above: UInt64 = 2 << UInt64(blockOrder)
        let boundary = (bottom &+ (above &- 1)) & ~(above &- 1)
        capacity = boundary >= bottom && boundary < top ? top &- boundary : 0
    }
}
