// What time it is for people, from a clock that is never set back: the wall clock is read once, and the
// monotonic one tells how long ago that was.

import Glibc
import Locking

/// Milliseconds since 1970 in UTC.
enum WallClock {
    /// A clock that starts from the wall clock now.
    static func monotonic() -> @Sendable () -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let start = UInt64(max(time.tv_sec, 0)) * 1_000 + UInt64(time.tv_nsec / 1_000_000)
        let origin = MonotonicClock.milliseconds()
        return { start + UInt64(max(MonotonicClock.milliseconds() - origin, 0)) }
    }
}
