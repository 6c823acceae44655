// Inputs that Linux's allocator does not check and that corrupt its state. They are named here instead of
// being reproduced: ../shared/spec/iova-allocator.md section 6 says what each would do.

/// An input that no driver sends, with its values. Nothing of the call was done.
public enum IOVAInputError: Error, Hashable, Sendable {
    /// A size of 0 pages: Linux would insert the inverted range `p ... p-1`.
    case zeroSize
    /// An aligned size above 2^63 pages: Linux would shift a 64-bit mask by 64.
    case sizeBeyondAlignment(size: UInt64)
    /// A reservation with `lo > hi`: Linux would insert it as it is, and ranges would overlap later.
    case reversedRange(lo: UInt64, hi: UInt64)
    /// A free of page frame 2^64-1: Linux would remove the sentinel that ends every search.
    case freesSentinel
    /// A reservation up to page frame 2^64-1 (granule 1 only): Linux would grow the sentinel down.
    case growsSentinel(lo: UInt64)
}
