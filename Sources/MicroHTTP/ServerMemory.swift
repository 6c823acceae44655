// What the process does with memory that it had for a while: large bodies and answers, and its own start.

import CMicroHTTPD

/// The process's memory. For the composition root: a library must not decide this for its process.
public enum ServerMemory {
    /// Blocks from this size on are mapped one by one.
    static let largeBlockBytes: Int32 = 1 << 20

    /// From now on large blocks go back to the system when they are freed. Left to itself, malloc raises the
    /// bound with the first that is freed, up to 32 MiB, and keeps what a peak needed: 1.4 GB after 150
    /// uploads of 8 MiB at once. It costs 5 % more CPU time of large placements.
    public static func returnLargeBlocks() { _ = mallopt(M_MMAP_THRESHOLD, largeBlockBytes) }

    /// Gives back the program's pages, its own and its libraries', that the start has read: more than half of
    /// an idle server's memory. They are clean pages of files, so what is called again comes back from the
    /// page cache, at the cost of a minor fault. Nothing is done to segments that can be written.
    public static func returnStartupPages() { iovad_return_program_pages() }
}
