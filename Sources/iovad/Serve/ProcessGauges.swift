// What the system says about the server's process, under the names that Prometheus' own clients use. Read
// when /metrics is asked for.

import API
import Glibc

extension ProcessFacts {
    /// Seconds since 1970, a moment after the process began.
    private static let start: Double = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }()

    static func noteStart() { _ = start }

    /// nil without /proc.
    static func now() -> ProcessFacts? {
        // Pages of the whole address space, and those in memory: proc_pid_statm(5).
        guard let statm = Files.read("/proc/self/statm"),
            let descriptors = Files.entries(in: "/proc/self/fd")?.count
        else { return nil }
        let pages = statm.split(separator: 0x20).prefix(2).map {
            UInt64(String(decoding: $0, as: UTF8.self)) ?? 0
        }
        guard pages.count == 2 else { return nil }
        let pageBytes = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let times = [usage.ru_utime, usage.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }
        return ProcessFacts(
            startSeconds: start, cpuSeconds: times[0] + times[1], residentBytes: pages[1] * pageBytes,
            virtualBytes: pages[0] * pageBytes,
            // Reading the folder takes one.
            openDescriptors: descriptors - 1, descriptorsMax: Environment.descriptorLimit)
    }
}
