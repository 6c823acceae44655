// The settings of `iovad serve`: flags over environment over defaults, checked before anything is opened.

import API
import ArgumentParser
import MicroHTTP

struct Settings {
    let listen: String
    let listenWasGiven: Bool
    let unix: String?
    private let publicFolder: String?
    let token: String?
    let tls: TLSCredentials?
    let corsOrigin: String?
    let log: AccessLog
    let graceSeconds: Int
    let isInsecure: Bool
    /// Where the server's host is read from; the empty path is this host, nil offers none.
    let hostRoot: String?

    static let listenDefault = "127.0.0.1:8080"

    /// Names of the variables, without their prefix.
    static let variables: Set<String> = [
        "LISTEN", "UNIX", "PUBLIC", "TOKEN_FILE", "TLS_CERT", "TLS_KEY", "CORS_ORIGIN", "LOG", "INSECURE",
        "GRACE_SECONDS", "NO_HOST", "HOST_ROOT",
    ]

    init(_ serve: Serve, environment: [String: String]) throws {
        for name in environment.keys.sorted() where !Self.variables.contains(name) {
            let known = Self.variables.sorted().map { "IOVAD_\($0)" }.joined(separator: ", ")
            throw ValidationError("unknown environment variable IOVAD_\(name); the known ones are \(known)")
        }
        let given = serve.listen ?? environment["LISTEN"]
        listenWasGiven = given != nil
        listen = given ?? Self.listenDefault
        unix = serve.unix ?? environment["UNIX"]
        publicFolder = serve.publicFolder ?? environment["PUBLIC"]
        corsOrigin = try (serve.corsOrigin ?? environment["CORS_ORIGIN"]).map(Self.checkedOrigin)
        isInsecure = try serve.insecure || Self.truth("INSECURE", environment)
        hostRoot = try Self.hostRoot(serve, environment)
        let word = serve.log ?? environment["LOG"] ?? "text"
        guard let log = AccessLog(rawValue: word) else {
            throw ValidationError("--log must be text, json or none")
        }
        self.log = log
        let grace = serve.graceSeconds ?? environment["GRACE_SECONDS"].map { Int($0) ?? -1 } ?? 10
        guard (0...3_600).contains(grace) else {
            throw ValidationError("IOVAD_GRACE_SECONDS must be 0 to 3600")
        }
        graceSeconds = grace
        token = try (serve.tokenFile ?? environment["TOKEN_FILE"]).map(Self.readToken)
        tls = try Self.readTLS(
            certificate: serve.tlsCert ?? environment["TLS_CERT"], key: serve.tlsKey ?? environment["TLS_KEY"]
        )
    }

    /// Flags count over variables; within one of the two they must not contradict each other.
    private static func hostRoot(_ serve: Serve, _ environment: [String: String]) throws -> String? {
        let isStated = serve.noHost || serve.hostRoot != nil
        let isWithout = try isStated ? serve.noHost : truth("NO_HOST", environment)
        let root = isStated ? serve.hostRoot : environment["HOST_ROOT"]
        guard let root else { return isWithout ? nil : "" }
        let (rootName, noName) =
            isStated ? ("--host-root", "--no-host") : ("IOVAD_HOST_ROOT", "IOVAD_NO_HOST")
        if isWithout { throw ValidationError("give \(rootName) \(root) or \(noName), not both") }
        guard Files.isFolder(root) else { throw ValidationError("\(rootName) \(root) is not a folder") }
        return root
    }

    private static func truth(_ name: String, _ environment: [String: String]) throws -> Bool {
        switch environment[name] ?? "" {
        case "1", "true": true
        case "0", "false", "": false
        default: throw ValidationError("IOVAD_\(name) must be true or false")
        }
    }

    /// An origin as browsers send it: a scheme, a host, perhaps a port, and nothing after it; or `*`.
    private static func checkedOrigin(_ origin: String) throws -> String {
        if origin == "*" { return origin }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty, !parts[2].isEmpty,
            parts[2].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") })
        else {
            throw ValidationError(
                "--cors-origin \(origin): expected an origin, as in https://example.org, or *")
        }
        return origin
    }

    private static func readToken(_ path: String) throws -> String {
        guard let bytes = Files.read(path) else {
            throw ValidationError("cannot read the token file \(path)")
        }
        let line = bytes.prefix { $0 != 0x0a && $0 != 0x0d }
        guard line.count >= 16 else {
            throw ValidationError("the token in \(path) has fewer than 16 characters")
        }
        guard line.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ValidationError("the token in \(path) contains characters that are not allowed in a header")
        }
        return String(decoding: line, as: UTF8.self)
    }

    private static func readTLS(certificate: String?, key: String?) throws -> TLSCredentials? {
        guard certificate != nil || key != nil else { return nil }
        guard let certificate, let key else {
            throw ValidationError("give both --tls-cert and --tls-key")
        }
        func pem(_ path: String) throws -> [UInt8] {
            guard let bytes = Files.read(path) else { throw ValidationError("cannot read \(path)") }
            guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else {
                throw ValidationError("\(path) contains no PEM text")
            }
            return bytes
        }
        guard let tls = TLSCredentials(certificate: try pem(certificate), key: try pem(key)) else {
            throw ValidationError("\(certificate) or \(key) contains a NUL byte and is not PEM text")
        }
        return tls
    }

    /// The contract, and the files of the public folder.
    func site() throws -> Site {
        if let publicFolder, !Files.isFolder(publicFolder) {
            throw ValidationError("--public \(publicFolder) is not a folder")
        }
        guard let folder = publicFolder ?? SiteFolder.defaultFolder() else { return Site() }
        return try SiteFolder.load(folder)
    }
}
