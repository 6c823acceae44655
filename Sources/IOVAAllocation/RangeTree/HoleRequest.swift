// What a search looks for: how many pages, at which alignment. Mirrors the size and align_mask that
// drivers/iommu/iova.c: __alloc_and_insert_iova_range computes, Linux 7.2.

/// A size with its alignment, prepared for asking holes and summaries.
struct HoleRequest {
    /// Which part of a summary decides exactly.
    enum Class {
        /// Any first page will do: the longest hole decides.
        case anywhere
        /// A power of two at its natural alignment: the largest aligned block decides.
        case naturalBlock
        /// 2^(order-1) < size < 2^order, aligned to 2^order.
        case withinBlock
    }

    /// Pages, at least 1.
    let size: UInt64
    /// log2 of the alignment in pages, 0 ... 63.
    let order: Int
    /// Clears the bits of a page frame number below the alignment.
    let mask: UInt64
    let kind: Class

    /// - Precondition: size is at least 1, and at most 2^63 when aligned.
    @inline(__always)
    init(size: UInt64, isAligned: Bool) {
        self.size = size
        if isAligned, size > 1 {
            order = Self.order(of: size)
            mask = ~0 << UInt64(order)
            kind = size & (size &- 1) == 0 ? .naturalBlock : .withinBlock
        } else {
            order = 0
            mask = ~0
            kind = .anywhere
        }
    }

    /// ceil(log2(size)), 0 for 1.
    @inline(__always)
    static func order(of size: UInt64) -> Int { 64 &- (size &- 1).leadingZeroBitCount }

    /// The highest page frame at which the request fits into `bottom ..< top`; nil when it does not.
    @inline(__always)
    func highestFit(bottom: UInt64, top: UInt64) -> UInt64? {
        guard top >= size else { return nil }
        let first = (top &- size) & mask
        return first >= bottom ? first : nil
    }

    /// Whether some hole of a summary with these parts takes the request: exact for exact summaries,
    /// otherwise never wrongly no. Only the parts that decide are read.
    @inline(__always)
    func mayFit(
        longest: @autoclosure () -> UInt64, blockOrder: @autoclosure () -> UInt8,
        capacity: @autoclosure () -> UInt64
    ) -> Bool {
        switch kind {
        case .anywhere: return longest() >= size
        case .naturalBlock: return Int(blockOrder()) > order
        case .withinBlock:
            let found = Int(blockOrder())
            return found > order || (found == order && capacity() >= size)
        }
    }
}
