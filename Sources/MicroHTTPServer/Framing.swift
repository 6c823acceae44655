// Where a request ends, as its header fields say. libmicrohttpd takes contradictory fields; behind a proxy
// that takes them another way they smuggle requests, so we refuse them (RFC 9112, 6.3 and 3.2).

import HTTPMessages

enum Framing {
    /// Why two readers could see different requests; nil when they cannot.
    static func ambiguity(of headers: HeaderFields, needsHost: Bool) -> String? {
        let lengths = headers.all("Content-Length")
        let codings = headers.all("Transfer-Encoding")
        if !lengths.isEmpty, !codings.isEmpty {
            return "The request has Content-Length and Transfer-Encoding; send one of them."
        }
        if lengths.count > 1 { return "The request has \(lengths.count) Content-Length fields; send one." }
        if codings.count > 1 { return "The request has \(codings.count) Transfer-Encoding fields; send one." }
        if let length = lengths.first,
            length.isEmpty || !length.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        {
            return "Content-Length is no number."
        }
        if let coding = codings.first, !equalIgnoringASCIICase(coding, "chunked") {
            return "Transfer-Encoding can only be chunked."
        }
        let hosts = headers.all("Host").count
        if hosts == 0, needsHost { return "An HTTP/1.1 request needs a Host field." }
        if hosts > 1 { return "The request has \(hosts) Host fields; send one." }
        return nil
    }

    /// Content-Length; nil without one. A number beyond 64 bits counts as the largest.
    static func declaredLength(of headers: HeaderFields) -> UInt64? {
        headers["Content-Length"].map { UInt64($0) ?? .max }
    }
}
