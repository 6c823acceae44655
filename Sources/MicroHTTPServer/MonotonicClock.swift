// The one clock of the server: CLOCK_MONOTONIC, never the time of day. Deadlines and durations only.

import Glibc

enum MonotonicClock {
    /// Microseconds since some fixed point.
    static func microseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }
}
