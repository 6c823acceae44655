// A request target taken apart: path segments and query items, decoded one by one after the raw bytes have
// been split, so that an encoded slash stays inside its segment (RFC 3986, 2.2 and 3.3).

import AddressSpaces

/// One query item, decoded. `+` is a plus.
public struct QueryItem: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Why a target cannot be read.
public enum TargetProblem: Error, Hashable, Sendable {
    case empty
    /// Offset in bytes.
    case badEscape(offset: Int)
    /// A NUL or another control character, encoded or raw.
    case controlCharacter(offset: Int)
    case invalidUTF8(segment: Int)
    case emptySegment(segment: Int)
    case dotSegment(segment: Int)
    case notAPath
    case tooManyQueryItems(limit: Int)
}

/// Path and query of a request.
public struct RequestTarget: Hashable, Sendable {
    public static let queryItemsMax = 64

    /// Decoded segments; empty for `/`.
    public let path: [String]
    public let query: [QueryItem]
    /// `*`, as in `OPTIONS *`.
    public let isAsterisk: Bool
    /// Host and port of the absolute form, which count in place of Host (RFC 9112, 3.2.2); nil in others.
    public let authority: String?

    /// The path with its segments encoded again, for messages.
    public var description: String {
        isAsterisk ? "*" : "/" + path.map(Self.encoded).joined(separator: "/")
    }

    /// Takes origin-form, absolute-form and asterisk-form.
    public init(parsing raw: [UInt8]) throws(TargetProblem) {
        guard !raw.isEmpty else { throw .empty }
        if raw.count == 1, raw[0] == UInt8(ascii: "*") {
            (path, query, isAsterisk, authority) = ([], [], true, nil)
            return
        }
        isAsterisk = false
        let (start, host) = try Self.pathStart(raw)
        authority = host.map { String(decoding: raw[$0], as: UTF8.self) }
        // Without an early end, so that the compiler takes sixteen bytes at a time: nearly all are fine.
        var odd: UInt8 = 0
        for byte in raw { odd |= byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "#") ? 1 : 0 }
        if odd != 0 {
            if let offset = raw.firstIndex(where: { $0 <= 0x20 || $0 == 0x7f }) {
                throw .controlCharacter(offset: offset)
            }
            throw .notAPath
        }
        let rest = raw[start...]
        let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? raw.endIndex
        path = try Self.segments(rest[..<mark])
        query = mark < raw.endIndex ? try Self.items(raw[(mark + 1)...]) : []
    }

    /// Where the path starts: at 0, or after `http://authority`, which may be the end; and the authority.
    private static func pathStart(
        _ raw: [UInt8]
    ) throws(TargetProblem) -> (start: Int, authority: Range<Int>?) {
        if raw[0] == UInt8(ascii: "/") { return (0, nil) }
        for scheme in ["http://", "https://"] {
            let prefix = raw.prefix(scheme.utf8.count)
            guard String(decoding: prefix, as: UTF8.self).lowercased() == scheme else { continue }
            let end = raw[scheme.utf8.count...].firstIndex { "/?#".utf8.contains($0) } ?? raw.endIndex
            guard end > scheme.utf8.count else { throw .notAPath }
            return (end, scheme.utf8.count..<end)
        }
        throw .notAPath
    }

    private static func segments(_ path: ArraySlice<UInt8>) throws(TargetProblem) -> [String] {
        var segments: [String] = []
        var rest = path.dropFirst()
        if rest.isEmpty { return [] }
        // Of most routes: growing from one takes more than all the rest.
        segments.reserveCapacity(4)
        while true {
            let slash = rest.firstIndex(of: UInt8(ascii: "/"))
            let segment = try decoded(rest[..<(slash ?? rest.endIndex)], segment: segments.count)
            if segment.isEmpty { throw .emptySegment(segment: segments.count) }
            if segment == "." || segment == ".." { throw .dotSegment(segment: segments.count) }
            segments.append(segment)
            guard let slash else { return segments }
            rest = rest[(slash + 1)...]
        }
    }

    private static func items(_ query: ArraySlice<UInt8>) throws(TargetProblem) -> [QueryItem] {
        var items: [QueryItem] = []
        var rest = query
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
            let part = rest[..<end]
            rest = rest[min(end + 1, rest.endIndex)...]
            // As `a&&b` has.
            if part.isEmpty { continue }
            guard items.count < queryItemsMax else { throw .tooManyQueryItems(limit: queryItemsMax) }
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let value = equals < part.endIndex ? part[(equals + 1)...] : []
            items.append(
                QueryItem(try decoded(part[..<equals], segment: -1), try decoded(value, segment: -1)))
        }
        return items
    }

    private static func decoded(_ part: ArraySlice<UInt8>, segment: Int) throws(TargetProblem) -> String {
        var (hasEscape, all): (Bool, UInt8) = (false, 0)
        for byte in part {
            if byte == UInt8(ascii: "%") { hasEscape = true }
            all |= byte
        }
        guard hasEscape else {
            // ASCII needs no validation, which costs more than all the rest.
            if all < 0x80 { return String(decoding: part, as: UTF8.self) }
            guard let text = String(validating: part, as: UTF8.self) else {
                throw .invalidUTF8(segment: segment)
            }
            return text
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(part.count)
        var at = part.startIndex
        while at < part.endIndex {
            guard part[at] == UInt8(ascii: "%") else {
                bytes.append(part[at])
                at += 1
                continue
            }
            guard part.endIndex - at >= 3, let high = HexLiteral.digit(part[at + 1]),
                let low = HexLiteral.digit(part[at + 2])
            else {
                throw .badEscape(offset: at)
            }
            let byte = high << 4 | low
            guard byte >= 0x20, byte != 0x7f else { throw .controlCharacter(offset: at) }
            bytes.append(byte)
            at += 3
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidUTF8(segment: segment)
        }
        return text
    }

    /// A segment percent-encoded for a URL.
    public static func encoded(_ segment: String) -> String {
        segment.utf8.reduce(into: "") { text, byte in
            let isPlain =
                DecimalLiteral.isDigit(byte) || (0x41...0x5a).contains(byte)
                || (0x61...0x7a).contains(byte) || "-._~@:,+".utf8.contains(byte)
            if isPlain {
                text.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                text += "%" + HexLiteral.digits(byte, atLeast: 2).uppercased()
            }
        }
    }
}
