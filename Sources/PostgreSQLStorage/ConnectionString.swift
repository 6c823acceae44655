// How a server is reached: what libpq takes, a URI or words with values, checked before anything is sent.
// Passwords come from where libpq finds them, and never from here: command lines and environments of services
// are for many to read.

import CPostgreSQL
import Storage

/// A connection string that libpq understands, without a secret.
struct ConnectionString: Sendable {
    private static let secrets = ["password", "sslpassword"]

    private let text: String
    /// Words that were given, with their values.
    private let given: [String: String]

    init(_ text: String) throws(StorageOpening) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            // The message may quote the string: only what comes before it is for people.
            let reason = message.map { String(cString: $0) } ?? "no memory"
            PQfreemem(message)
            throw StorageOpening("the store's connection string is invalid: \(Self.unquoted(reason))")
        }
        defer { PQconninfoFree(options) }
        var given: [String: String] = [:]
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { given[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        for secret in Self.secrets where given[secret] != nil {
            throw StorageOpening(
                "the store's connection string has a \(secret), which others could read: put it into a file that"
                    + " passfile= or PGPASSFILE names, or use a service file (service=)")
        }
        self.text = text
        self.given = given
    }

    /// Without what is in quotes.
    private static func unquoted(_ reason: String) -> String {
        let parts = reason.split(separator: "\"", omittingEmptySubsequences: false)
        let kept = parts.indices.map { $0 % 2 == 0 ? String(parts[$0]) : "..." }
        return Connection.line(kept.joined(separator: "\""))
    }

    /// For people: no secret, and no more than where it is.
    var description: String {
        var words = "PostgreSQL"
        if let name = given["dbname"] { words += " database \(name)" }
        if let service = given["service"] { words += " of service \(service)" }
        if let host = given["host"] ?? given["hostaddr"] { words += " on \(host)" }
        if let port = given["port"] { words += " port \(port)" }
        return words
    }

    /// Connects. What the string says comes after what we would like, and wins.
    func connect() -> OpaquePointer? {
        let pairs: [(String, String)] = [
            ("fallback_application_name", "iovad"),
            // Of several hosts, the one that can be written; each is given up after so many seconds, the
            // fewest that libpq takes.
            ("target_session_attrs", "read-write"), ("connect_timeout", "2"),
            // A machine that is gone is noticed in about this time, in milliseconds and in seconds.
            ("tcp_user_timeout", "5000"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
            ("keepalives_count", "3"), ("client_encoding", "UTF8"), ("dbname", text),
        ]
        var bytes: [CChar] = []
        var starts: [Int] = []
        for text in pairs.map(\.0) + pairs.map(\.1) {
            starts.append(bytes.count)
            bytes += text.utf8.map { CChar(bitPattern: $0) } + [0]
        }
        return bytes.withUnsafeBufferPointer { buffer in
            let pointers = starts.map { start in buffer.baseAddress.map { $0 + start } }
            return PQconnectdbParams(
                Array(pointers[..<pairs.count]) + [nil], Array(pointers[pairs.count...]) + [nil], 1)
        }
    }
}
