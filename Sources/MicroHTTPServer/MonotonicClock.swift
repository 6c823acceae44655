// Time that only goes forward, for deadlines and durations.

import Glibc

enum MonotonicClock {
    static var nanoseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    static var seconds: Int { Int(nanoseconds / 1_000_000_000) }
}
