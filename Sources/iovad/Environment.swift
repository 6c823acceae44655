// What the process was started with besides its arguments.

import Glibc

enum Environment {
    /// Variables that start with IOVAD_, without that prefix. Those of tests (IOVAD_TEST_...) are not ours.
    static func iovad() -> [String: String] {
        var found: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0].hasPrefix("IOVAD_"), !parts[0].hasPrefix("IOVAD_TEST_") {
                found[String(parts[0].dropFirst(6))] = String(parts[1])
            }
            entry += 1
        }
        return found
    }
}
