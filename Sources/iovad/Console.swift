// Standard error, a line at a time: one write, so that lines of several threads do not mix.

import Glibc

enum Console {
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        bytes.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }
}
