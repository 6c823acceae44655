// Time for measurements: the monotonic clock of the process, less what reading it costs.

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
