// The settings of `iovad serve`: flags over environment over defaults, checked before anything is opened.

import API
import ArgumentParser
import HTTP
import MicroHTTP

struct Settings {
    let listen: String
    let listenWasGiven: Bool
    let unix: String?
    private let publicFolder: String?
    let tokenFile: String?
    let tokens: AccessTokens?
    let tlsFiles: TLSFiles?
    let corsOrigin: String?
    /// Further names by which clients may ask.
    let allowedHosts: [String]
    let log: AccessLog
    let graceSeconds: Int
    /// How long requests are answered after a signal to stop, before the grace begins.
    let drainSeconds: Int
    let isInsecure: Bool
    /// Where the server's host is read from; the empty path is this host, nil offers none.
    let hostRoot: String?
    /// The folder that keeps what is stored; nil where that ends with the server.
    let stateDir: String?
    /// Where PostgreSQL is; nil where that ends with the server.
    let store: String?

    static let listenDefault = "127.0.0.1:8080"

    /// Names of the variables, without their prefix.
    static let variables: Set<String> = [
        "LISTEN", "UNIX", "PUBLIC", "TOKEN_FILE", "TLS_CERT", "TLS_KEY", "CORS_ORIGIN", "ALLOW_HOST", "LOG",
        "INSECURE",
        "GRACE_SECONDS", "DRAIN_SECONDS", "NO_HOST", "HOST_ROOT", "STATE_DIR", "STORE",
    ]

    init(_ serve: Serve, environment: [String: String]) throws {
        for name in environment.keys.sorted()
        where !Self.variables.contains(name) && !ServerOption.variables.contains(name) {
            let known = Self.variables.sorted().map { "IOVAD_\($0)" }.joined(separator: ", ")
            throw ValidationError("unknown environment variable IOVAD_\(name); the known ones are \(known)")
        }
        let given = serve.listen ?? environment["LISTEN"]
        listenWasGiven = given != nil
        listen = given ?? Self.listenDefault
        unix = serve.unix ?? environment["UNIX"]
        publicFolder = serve.publicFolder ?? environment["PUBLIC"]
        corsOrigin = try (serve.corsOrigin ?? environment["CORS_ORIGIN"]).map(Self.checkedOrigin)
        allowedHosts = try Self.allowedHosts(serve, environment)
        isInsecure = try serve.insecure || Self.truth("INSECURE", environment)
        hostRoot = try Self.hostRoot(serve, environment)
        (stateDir, store) = try Self.store(serve, environment)
        let word = serve.log ?? environment["LOG"] ?? "text"
        guard let log = AccessLog(rawValue: word) else {
            throw ValidationError("--log must be text, json or none")
        }
        self.log = log
        graceSeconds = try Self.seconds("GRACE_SECONDS", serve.graceSeconds, environment, ifMissing: 10)
        drainSeconds = try Self.seconds("DRAIN_SECONDS", serve.drainSeconds, environment, ifMissing: 0)
        tokenFile = serve.tokenFile ?? environment["TOKEN_FILE"]
        if tokenFile == nil, environment["TOKEN"] != nil {
            throw ValidationError(
                "IOVAD_TOKEN is what iovad agree sends, and would protect nothing: name a file of tokens with "
                    + "--token-file or IOVAD_TOKEN_FILE, or unset it")
        }
        tokens = try tokenFile.map(Self.readTokens)
        tlsFiles = try Self.tlsFiles(
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
        try Files.checkTree(root, named: rootName)
        return root
    }

    /// One place at most; a flag counts over both variables.
    private static func store(
        _ serve: Serve, _ environment: [String: String]
    ) throws -> (stateDir: String?, store: String?) {
        let isStated = serve.stateDir != nil || serve.store != nil
        let folder = isStated ? serve.stateDir : environment["STATE_DIR"]
        let store = isStated ? serve.store : environment["STORE"]
        if folder != nil, store != nil {
            throw ValidationError(
                isStated
                    ? "give --state-dir or --store, not both" : "set IOVAD_STATE_DIR or IOVAD_STORE, not both"
            )
        }
        return (folder, store)
    }

    /// Seconds of a phase of the end. Flags were checked before.
    private static func seconds(
        _ name: String, _ flag: Int?, _ environment: [String: String], ifMissing: Int
    ) throws -> Int {
        let seconds = flag ?? environment[name].map { Int($0) ?? -1 } ?? ifMissing
        guard Serve.phaseSeconds.contains(seconds) else {
            throw ValidationError("IOVAD_\(name) must be 0 to \(Serve.phaseSeconds.upperBound)")
        }
        return seconds
    }

    private static func truth(_ name: String, _ environment: [String: String]) throws -> Bool {
        switch environment[name] ?? "" {
        case "1", "true": true
        case "0", "false", "": false
        default: throw ValidationError("IOVAD_\(name) must be true or false")
        }
    }

    /// The flag once for each; the variable has commas between them.
    private static func allowedHosts(_ serve: Serve, _ environment: [String: String]) throws -> [String] {
        let names =
            serve.allowHost.isEmpty
            ? (environment["ALLOW_HOST"] ?? "").split(separator: ",").map { String(FieldList.trimmed($0)) }
            : serve.allowHost
        for name in names where !HostNames.isName(name) {
            throw ValidationError(
                "--allow-host \(name): expected a name or an address without a port, as in iovad.example.org, or *"
            )
        }
        return names
    }

    /// An origin as browsers send it: a scheme, a host, perhaps a port, and nothing after it; or `*`. In
    /// lower case and without the scheme's own port, as they do.
    private static func checkedOrigin(_ origin: String) throws -> String {
        if origin == "*" { return origin }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty, !parts[2].isEmpty,
            parts[2].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") })
        else {
            throw ValidationError(
                "--cors-origin \(origin): expected an origin, as in https://example.org, or *")
        }
        let spelled = origin.lowercased()
        for (scheme, port) in [("http:", ":80"), ("https:", ":443")]
        where spelled.hasPrefix(scheme) && spelled.hasSuffix(port) {
            return String(spelled.dropLast(port.count))
        }
        return spelled
    }

    static func readTokens(_ path: String) throws -> AccessTokens {
        let bytes = try Files.contents(path, named: "--token-file")
        do throws(AccessTokens.Fault) {
            return try AccessTokens(parsing: bytes)
        } catch {
            throw ValidationError("the token file \(path) cannot be used: \(error.reason)")
        }
    }

    private static func tlsFiles(certificate: String?, key: String?) throws -> TLSFiles? {
        guard certificate != nil || key != nil else { return nil }
        guard let certificate, let key else {
            throw ValidationError("give both --tls-cert and --tls-key")
        }
        return TLSFiles(certificate: certificate, key: key)
    }

    /// The contract, and the files of the public folder.
    func site() throws -> Site {
        if let publicFolder, let fault = Files.folderFault(publicFolder, named: "--public") { throw fault }
        guard let folder = publicFolder ?? SiteFolder.defaultFolder() else { return Site() }
        return try SiteFolder.load(folder)
    }
}
