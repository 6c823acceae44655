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
        guard headers.fields.allSatisfy({ isToken($0.name) }) else {
            return .ambiguous("field name is not a token")
        }
        let hosts = headers.all("Host")
        guard hosts.count <= 1 else { return .ambiguous("several Host fields") }
        guard version != "HTTP/1.1" || hosts.count == 1 else { return .ambiguous("no Host field") }
        let lengths = headers.all("Content-Length")
        let encodings = headers.all("Transfer-Encoding")
        guard lengths.isEmpty || encodings.isEmpty else {
            return .ambiguous("Content-Length with Transfer-Encoding")
        }
        if let encoding = encodings.first {
            guard encodings.count == 1, equalIgnoringASCIICase(encoding, "chunked") else {
                return .ambiguous("Transfer-Encoding other than chunked")
            }
            guard version == "HTTP/1.1" else { return .ambiguous("Transfer-Encoding before HTTP/1.1") }
            return .fine(.chunked)
        }
        guard let length = lengths.first else { return .fine(.none) }
        guard lengths.count == 1 else { return .ambiguous("several Content-Length fields") }
        guard let count = DecimalLiteral.parse(length.utf8) else {
            return .ambiguous("Content-Length is not a number")
        }
        return .fine(count == 0 ? .none : .counted(count))
    }

    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
