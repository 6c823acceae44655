// multipart/form-data (RFC 7578), as browsers and curl send it: read strictly, because what two readers parse
// differently can be used for smuggling. No nesting, no preamble, CRLF everywhere.

import AddressSpaces

/// A body of several named parts.
public struct MultipartForm: Sendable {
    public struct Part: Sendable {
        /// The field's name.
        public var name: String
        public var fileName: String?
        /// Media type in lower case without parameters; nil when the part names none.
        public var mediaType: String?
        public var body: [UInt8]
    }

    /// What is wrong with the body.
    public enum Problem: Error, Hashable, Sendable {
        case boundaryMissing
        case boundaryMalformed
        /// Offsets count from the start of the body.
        case delimiterMissing(offset: Int)
        case unterminated
        case headersTooLong(offset: Int, limitBytes: Int)
        case headerMalformed(offset: Int)
        case dispositionMissing(offset: Int)
        case tooManyParts(limit: Int)
        case noParts

        /// One clause that names place and cause.
        public var reason: String {
            switch self {
            case .boundaryMissing: "Content-Type has no boundary parameter"
            case .boundaryMalformed:
                "the boundary is empty, too long, or has characters that RFC 2046 forbids"
            case .delimiterMissing(let offset): "no delimiter line with the boundary at byte \(offset)"
            case .unterminated: "the closing delimiter is missing: the body was cut off"
            case .headersTooLong(let offset, let limit):
                "the headers of the part at byte \(offset) have more than \(limit) bytes"
            case .headerMalformed(let offset): "the header line at byte \(offset) is malformed"
            case .dispositionMissing(let offset):
                "the part at byte \(offset) has no Content-Disposition: form-data with a name"
            case .tooManyParts(let limit): "more than \(limit) parts"
            case .noParts: "the body has no parts"
            }
        }
    }

    public static let partsMax = 32
    public static let partHeaderBytesMax = 4_096
    public static let boundaryBytesMax = 70
    public static let nameBytesMax = 128

    public private(set) var parts: [Part] = []

    /// Parses a body.
    /// - Parameter contentType: the Content-Type field, whose boundary parameter is used.
    public init(_ body: [UInt8], contentType: String) throws(Problem) {
        let delimiter = Array("--".utf8) + (try Self.boundary(contentType))
        guard body.starts(with: delimiter) else { throw .delimiterMissing(offset: 0) }
        var at = delimiter.count
        while true {
            let line = body[at...].prefix(2)
            if line.elementsEqual([0x2d, 0x2d]) { break }
            guard line.elementsEqual([0x0d, 0x0a]) else {
                if line.count < 2 { throw .unterminated }
                throw .delimiterMissing(offset: at)
            }
            guard parts.count < Self.partsMax else { throw .tooManyParts(limit: Self.partsMax) }
            var part = try Self.head(body, &at)
            guard let end = Self.end(of: delimiter, in: body, from: at) else { throw .unterminated }
            part.body = Array(body[at..<end])
            parts.append(part)
            at = end + 2 + delimiter.count
        }
        guard !parts.isEmpty else { throw .noParts }
    }

    /// What to call each part in messages: its name, or, when one field has several files (RFC 7578,
    /// section 4.3), the name with the file's, or with a number.
    public var titles: [String] {
        var counts: [String: Int] = [:]
        for part in parts { counts[part.name, default: 0] += 1 }
        var titles: [String] = []
        var known: Set<String> = []
        for (place, part) in parts.enumerated() {
            var title = part.name
            if counts[title, default: 0] > 1 {
                let file = part.fileName.map { String($0.prefix(Self.nameBytesMax)) } ?? ""
                title += file.isEmpty ? "[\(place)]" : ":\(file)"
            }
            if !known.insert(title).inserted { title += "[\(place)]" }
            known.insert(title)
            titles.append(title)
        }
        return titles
    }

    private static func boundary(_ contentType: String) throws(Problem) -> [UInt8] {
        guard let value = parameter("boundary", of: contentType) else { throw .boundaryMissing }
        let bytes = Array(value.utf8)
        let isSound = bytes.allSatisfy { byte in
            DecimalLiteral.isDigit(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "'()+_,-./:=? ".utf8.contains(byte)
        }
        guard isSound, (1...boundaryBytesMax).contains(bytes.count), bytes.last != 0x20 else {
            throw .boundaryMalformed
        }
        return bytes
    }

    /// The value of a parameter after a semicolon, quoted or not.
    static func parameter(_ name: String, of field: String) -> String? {
        var pieces: [[UInt8]] = [[]]
        var isQuoted = false
        var isEscaped = false
        for byte in field.utf8 {
            if byte == 0x3b, !isQuoted {
                pieces.append([])
                continue
            }
            if byte == 0x22, !isEscaped { isQuoted.toggle() }
            isEscaped = byte == 0x5c && isQuoted && !isEscaped
            pieces[pieces.count - 1].append(byte)
        }
        for piece in pieces.dropFirst() {
            let bare = piece.drop { $0 == 0x20 || $0 == 0x09 }
            guard let equals = bare.firstIndex(of: 0x3d),
                String(decoding: bare[..<equals], as: UTF8.self).lowercased() == name
            else { continue }
            return unquoted(bare[(equals + 1)...])
        }
        return nil
    }

    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> String {
        var bare = bytes
        while let last = bare.last, last == 0x20 || last == 0x09 { bare.removeLast() }
        guard bare.first == 0x22, bare.last == 0x22, bare.count > 1 else {
            return String(decoding: bare, as: UTF8.self)
        }
        var value: [UInt8] = []
        var isEscaped = false
        for byte in bare.dropFirst().dropLast() {
            if byte == 0x5c, !isEscaped {
                isEscaped = true
                continue
            }
            isEscaped = false
            value.append(byte)
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// The headers of the part whose delimiter line ends at `at`, which is moved past the empty line.
    private static func head(_ body: [UInt8], _ at: inout Int) throws(Problem) -> Part {
        let start = at
        var part: Part?
        var mediaType: String?
        var line = at + 2
        while true {
            guard let end = lineEnd(body, line, limit: start + partHeaderBytesMax) else {
                if body.count - start > partHeaderBytesMax {
                    throw .headersTooLong(offset: start, limitBytes: partHeaderBytesMax)
                }
                throw .unterminated
            }
            if end == line {
                at = end + 2
                break
            }
            let (name, value) = try field(body[line..<end])
            switch name {
            case "content-disposition":
                guard let found = disposition(value), part == nil else {
                    throw .dispositionMissing(offset: start)
                }
                part = found
            case "content-type":
                mediaType = String(value.prefix { $0 != ";" && $0 != " " }).lowercased()
            default: break
            }
            line = end + 2
        }
        guard var part else { throw .dispositionMissing(offset: start) }
        part.mediaType = mediaType
        return part
    }

    private static func lineEnd(_ body: [UInt8], _ from: Int, limit: Int) -> Int? {
        var at = from
        while at + 1 < body.count, at < limit {
            if body[at] == 0x0d, body[at + 1] == 0x0a { return at }
            at += 1
        }
        return nil
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(Problem) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: 0x3a), colon > line.startIndex,
            line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            line.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
        else { throw .headerMalformed(offset: line.startIndex) }
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
        return (
            String(decoding: line[..<colon], as: UTF8.self).lowercased(),
            String(decoding: value, as: UTF8.self)
        )
    }

    private static func disposition(_ value: String) -> Part? {
        guard value.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "form-data",
            let name = parameter("name", of: value), !name.isEmpty, name.utf8.count <= nameBytesMax
        else { return nil }
        return Part(name: name, fileName: parameter("filename", of: value), mediaType: nil, body: [])
    }

    /// Where the line break before the next delimiter starts.
    private static func end(of delimiter: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        // An empty part has a break of its own: the one after the headers belongs to them.
        var at = start
        let width = 2 + delimiter.count
        while at + width <= body.count {
            if body[at] == 0x0d, body[at + 1] == 0x0a, body[(at + 2)..<(at + width)].elementsEqual(delimiter)
            {
                return at
            }
            at += 1
        }
        return nil
    }
}
