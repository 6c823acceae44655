// Times in UTC as texts of RFC 3339, without Foundation.

import Glibc

enum UTCTime {
    /// As in `2026-11-24T05:48:06Z`; seconds since 1970.
    static func text(_ seconds: Int) -> String { start(seconds) + "Z" }

    /// As in `2026-11-24T05:48:06.123Z`: what the system's clock says.
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = String(time.tv_nsec / 1_000_000 + 1_000).dropFirst()
        return "\(start(time.tv_sec)).\(milliseconds)Z"
    }

    private static func start(_ seconds: Int) -> String {
        var (seconds, parts) = (seconds, tm())
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
