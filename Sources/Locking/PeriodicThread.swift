// The clock for deadlines and durations, and a thread that does one thing again and again until it is
// stopped: deadlines, heartbeats, expiry. One such thread serves any number of waiting things, so that
// nothing needs a timer of its own. Times of day are not used here: they can jump.

import Glibc

/// A running periodic thread. `@unchecked Sendable`: after `init` only `stop` touches it, called once.
public final class PeriodicThread: @unchecked Sendable {
    /// The system had no thread or no pipe for us; `code` is its errno.
    public struct Failure: Error, Hashable {
        public let call: String
        public let code: Int32
    }

    private final class Work: Sendable {
        let periodMilliseconds: Int32
        let wakeup: Int32
        let action: @Sendable () -> Void

        init(_ periodMilliseconds: Int32, _ wakeup: Int32, _ action: @escaping @Sendable () -> Void) {
            self.periodMilliseconds = periodMilliseconds
            self.wakeup = wakeup
            self.action = action
        }

        func run() {
            while true {
                var descriptor = pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0)
                if poll(&descriptor, 1, periodMilliseconds) > 0 { return }
                action()
            }
        }
    }

    private let wakeup: Int32
    private let alarm: Int32
    private var thread = pthread_t()

    /// Calls `action` every `periodMilliseconds` (and the time that it takes), on a thread of its own.
    public init(
        everyMilliseconds periodMilliseconds: Int, _ action: @escaping @Sendable () -> Void
    ) throws(Failure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(call: "pipe", code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wakeup, alarm) = (ends[0], ends[1])
        let work = Work(Int32(clamping: max(1, periodMilliseconds)), wakeup, action)
        let code = SystemThread.start(&thread) { work.run() }
        guard code == 0 else {
            close(wakeup)
            close(alarm)
            throw Failure(call: "pthread_create", code: code)
        }
    }

    /// Ends the thread and waits for it. Call once, and not from `action`.
    public func stop() {
        // Closing the writing end makes the reading end readable: no byte is needed.
        close(alarm)
        pthread_join(thread, nil)
        close(wakeup)
    }
}

extension PeriodicThread.Failure: CustomStringConvertible {
    public var description: String { "\(call) failed: \(String(cString: strerror(code)))" }
}

/// The system's monotonic clock.
public enum MonotonicClock {
    public static func microseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    public static func milliseconds() -> Int64 { microseconds() / 1000 }
}
