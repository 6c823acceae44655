// What this process holds in memory, as the kernel counts it.

import Glibc

enum ResidentSet {
    /// Bytes, in whole pages; 0 where /proc is not mounted.
    static func bytes() -> Int {
        let fields = (Files.read("/proc/self/statm") ?? []).split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
