// A second reader of requests, strict and slow: RFC 9112 over the bytes as they were sent. It judges what
// libmicrohttpd and the checks after it let through, in random tests and in the fuzzer.

enum StrictRequests {
    private static let lineEnd: [UInt8] = [13, 10]

    /// How many well-formed requests the bytes begin with: heads as RFC 9112 wants them, and their bodies.
    /// What follows a chunked body, or a request of HTTP/1.0, is not looked at.
    static func count(in bytes: [UInt8]) -> Int {
        var rest = bytes[...]
        var count = 0
        while true {
            // libmicrohttpd takes a line that begins with a NUL for an empty one, too.
            while rest.starts(with: lineEnd) || rest.first == 10 || rest.first == 0 {
                guard let end = rest.firstIndex(of: 10) else { return count }
                rest = rest[(end + 1)...]
            }
            guard let (body, tail) = head(rest) else { return count }
            switch body {
            case .last: return count + 1
            case .counted(let length):
                guard tail.count >= length else { return count }
                rest = tail.dropFirst(length)
                count += 1
            }
        }
    }

    /// Whether they have one of the sequences that look in libmicrohttpd's memory like CRLF, or two of them.
    static func looksLikeLineEnds(_ bytes: [UInt8]) -> Bool {
        let sequences: [[UInt8]] = [
            [0, 10], [10, 0x3a, 10], [10, 0x3a, 13, 10], [10, 0, 10], [10, 0, 13, 10], [0, 13, 10, 10],
        ]
        return bytes.indices.contains { place in sequences.contains { bytes[place...].starts(with: $0) } }
    }

    private enum Body {
        /// Chunked, or of HTTP/1.0, after which the connection ends.
        case last
        case counted(Int)
    }

    private static func head(_ bytes: ArraySlice<UInt8>) -> (Body, ArraySlice<UInt8>)? {
        var rest = bytes
        guard let requestLine = line(&rest), let version = self.version(requestLine) else { return nil }
        var values: [String: [String]] = [:]
        while true {
            guard let line = line(&rest) else { return nil }
            if line.isEmpty { break }
            guard let (name, value) = field(line) else { return nil }
            values[name, default: []].append(value)
        }
        guard let body = body(values, version) else { return nil }
        return (body, rest)
    }

    /// The next line, of which nothing but its end may be CR, LF or NUL.
    private static func line(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(where: { $0 == 13 || $0 == 10 || $0 == 0 }),
            rest[end...].starts(with: lineEnd)
        else { return nil }
        defer { rest = rest[(end + 2)...] }
        return rest[..<end]
    }

    private static func version(_ line: ArraySlice<UInt8>) -> String? {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, isToken(parts[0]), !parts[1].isEmpty,
            parts[1].allSatisfy({ $0 > 0x20 && $0 != 0x7f })
        else { return nil }
        let version = String(decoding: parts[2], as: UTF8.self)
        guard version.count == 8, version.hasPrefix("HTTP/1."), version.last!.isNumber else { return nil }
        return version
    }

    private static func field(_ line: ArraySlice<UInt8>) -> (name: String, value: String)? {
        guard let colon = line.firstIndex(of: 0x3a), isToken(line[..<colon]) else { return nil }
        var value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 9 }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 }) else { return nil }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        // Blanks after these two are refused, although the RFC does not ask for it.
        if name != "content-length", name != "transfer-encoding" {
            while let last = value.last, last == 0x20 || last == 9 { value.removeLast() }
        }
        return (name, String(decoding: value, as: UTF8.self))
    }

    private static func body(_ values: [String: [String]], _ version: String) -> Body? {
        let hosts = values["host"]?.count ?? 0
        guard hosts == 1 || hosts == 0 && version == "HTTP/1.0" else { return nil }
        let lengths = values["content-length"] ?? []
        if let encodings = values["transfer-encoding"] {
            let isChunked = encodings.count == 1 && encodings[0].lowercased() == "chunked"
            return isChunked && lengths.isEmpty && version != "HTTP/1.0" ? .last : nil
        }
        guard let length = lengths.first else { return version == "HTTP/1.0" ? .last : .counted(0) }
        guard lengths.count == 1, !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(length)
        else { return nil }
        return version == "HTTP/1.0" ? .last : .counted(number)
    }

    private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
