// What measurements read: the monotonic clock, less the cost of reading it, and the process's resident set.

import Glibc

struct Stopwatch {
    /// What two readings in a row differ by, at least.
    private let overhead: UInt64

    init() {
        var least = UInt64.max
        for _ in 0..<1_000 {
            let start = Self.now()
            least = min(least, Self.now() - start)
        }
        overhead = least
    }

    /// Nanoseconds since some fixed point.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Nanoseconds from `start` until now.
    func elapsed(since start: UInt64) -> UInt64 {
        let span = Self.now() - start
        return span > overhead ? span - overhead : 0
    }
}

// What this process holds in memory, as the kernel counts it. Not what it asked for: only pages that it
// touched count.

enum ResidentSet {
    /// Bytes, in whole pages; 0 where /proc is not mounted.
    static func bytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [UInt8](repeating: 0, count: 256)
        let count = fread(&line, 1, line.count, file)
        let fields = line[..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
