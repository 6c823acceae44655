// The kernel's log as /dev/kmsg gives it: a record for each read, "6,339,5140900,-;text", then lines of
// another matter that begin with a blank. Mirrors Documentation/ABI/testing/dev-kmsg. Only the texts are
// kept, as dmesg(1) prints them.

import AddressSpaces
import Glibc

enum KernelMessages {
    private static let path = "/dev/kmsg"
    /// The kernel gives no longer records.
    private static let recordBytesMax = 8_192

    /// A line for each message; nil when the log cannot be read.
    static func read() -> [UInt8]? {
        let file = open(path, O_RDONLY | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: recordBytesMax)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count > 0 {
                text += message(buffer[..<count]) + [0x0a]
            } else if count < 0, errno == EPIPE || errno == EINTR {
                // Records were overwritten meanwhile: the next one is the oldest that is left.
                continue
            } else {
                return count < 0 && errno != EAGAIN && text.isEmpty ? nil : text
            }
        }
    }

    /// What stands between the semicolon and the end of the line; `\x09` is a tab.
    static func message(_ record: ArraySlice<UInt8>) -> [UInt8] {
        let start = record.firstIndex(of: UInt8(ascii: ";")).map { $0 + 1 } ?? record.startIndex
        var rest = record[start...].prefix { $0 != 0x0a }
        var text: [UInt8] = []
        while let byte = rest.first {
            let digits = rest.dropFirst(2).prefix(2)
            if rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")]), digits.count == 2,
                let value = try? HexLiteral.parseDigits(digits)
            {
                text.append(UInt8(truncatingIfNeeded: value))
                rest = rest.dropFirst(4)
            } else {
                text.append(byte)
                rest = rest.dropFirst()
            }
        }
        return text
    }
}
