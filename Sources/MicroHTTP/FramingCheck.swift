// What in a head makes its framing ambiguous (RFC 9112, 3.2 and 6.3). libmicrohttpd lets all of this through;
// behind a proxy that reads it differently, it would allow request smuggling.

import AddressSpaces
import HTTP

/// What the head declares about its body.
enum DeclaredBody: Equatable {
    case none
    case counted(UInt64)
    case chunked
}

enum FramingCheck {
    enum Verdict: Equatable {
        case fine(DeclaredBody)
        /// A fixed phrase that names the fault; nothing of the client's goes into it.
        case ambiguous(String)
    }

    static func judge(_ headers: HeaderFields, version: String) -> Verdict {
        // `Host :` is stored by libmicrohttpd as a field named "Host ", and would hide from every look-up.
        let table = tokenBytes
        guard headers.fields.indices.allSatisfy({ isToken(headers.fields[$0].name, table) }) else {
            return .ambiguous("field name is not a token")
        }
        var hosts = 0
        var length: String?
        var lengths = 0
        var encodings: [String] = []
        // One walk: each name has a length of its own, so that most fields are skipped by theirs. By their
        // places, so that no references to them are counted.
        let fields = headers.fields
        for place in fields.indices {
            switch fields[place].name.utf8.count {
            case 4 where equalIgnoringASCIICase(fields[place].name, "Host"): hosts += 1
            case 14 where equalIgnoringASCIICase(fields[place].name, "Content-Length"):
                length = fields[place].value
                lengths += 1
            case 17 where equalIgnoringASCIICase(fields[place].name, "Transfer-Encoding"):
                encodings.append(fields[place].value)
            default: break
            }
        }
        guard hosts <= 1 else { return .ambiguous("several Host fields") }
        // libmicrohttpd lets HTTP/1.2 and the like through, which is read as HTTP/1.1.
        let isOld = version == "HTTP/1.0"
        guard isOld || hosts == 1 else { return .ambiguous("no Host field") }
        guard lengths == 0 || encodings.isEmpty else {
            return .ambiguous("Content-Length with Transfer-Encoding")
        }
        if let encoding = encodings.first {
            guard encodings.count == 1, equalIgnoringASCIICase(encoding, "chunked") else {
                return .ambiguous("Transfer-Encoding other than chunked")
            }
            guard !isOld else { return .ambiguous("Transfer-Encoding before HTTP/1.1") }
            return .fine(.chunked)
        }
        guard let length else { return .fine(.none) }
        guard lengths == 1 else { return .ambiguous("several Content-Length fields") }
        guard let count = self.length(length) else { return .ambiguous(badLength) }
        return .fine(count == 0 ? .none : .counted(count))
    }

    static let badLength = "Content-Length is not a number"

    /// The number of a Content-Length; nil when it is not a number.
    static func length(_ value: String) -> UInt64? { DecimalLiteral.parse(value.utf8) }

    /// What is wrong with the request line's parts; nil as a rule.
    static func requestLine(_ method: Method, _ target: [UInt8]) -> String? {
        if case .other(let name) = method, !isToken(name, tokenBytes) { return "method is not a token" }
        return target.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            ? nil : "blank or control character in the target"
    }

    /// Whether a byte may stand in a token (RFC 9110, 5.6.2), by its number.
    private static let tokenBytes: [Bool] = (0...255).map { (byte: Int) in
        switch UInt8(byte) {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case let byte: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func isToken(_ name: String, _ table: [Bool]) -> Bool {
        name.withBytes { bytes in !bytes.isEmpty && bytes.allSatisfy { table[Int($0)] } }
    }
}
