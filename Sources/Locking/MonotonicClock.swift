// The one clock for deadlines and durations; it never jumps. Times of day are no business of the server's.

import Glibc

/// The system's monotonic clock.
public enum MonotonicClock {
    public static func microseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    public static func milliseconds() -> Int64 { microseconds() / 1000 }
}
