// Flags over environment over defaults, checked before anything is opened.

import APIService
import ArgumentParser
import Glibc
import MicroHTTPServer

struct Settings {
    private let listen: String
    private let listenWasGiven: Bool
    private let unix: String?
    private let publicFolder: String?
    let token: String?
    let corsOrigin: String?
    let log: AccessLog
    let graceSeconds: Int
    private let isInsecure: Bool

    /// Names of the variables, without their prefix.
    static let variables: Set<String> = [
        "LISTEN", "UNIX", "PUBLIC", "TOKEN_FILE", "CORS_ORIGIN", "LOG", "INSECURE", "GRACE_SECONDS",
    ]

    init(_ serve: Serve, environment: [String: String]) throws {
        for name in environment.keys.sorted() where !Self.variables.contains(name) {
            let known = Self.variables.sorted().map { "IOVAD_\($0)" }.joined(separator: ", ")
            throw ValidationError("unknown environment variable IOVAD_\(name); known are \(known)")
        }
        let given = serve.listen ?? environment["LISTEN"]
        listenWasGiven = given != nil
        listen = given ?? "127.0.0.1:8080"
        unix = serve.unix ?? environment["UNIX"]
        publicFolder = serve.publicFolder ?? environment["PUBLIC"]
        corsOrigin = serve.corsOrigin ?? environment["CORS_ORIGIN"]
        isInsecure = serve.insecure || ["1", "true"].contains(environment["INSECURE"])
        let word = serve.log ?? environment["LOG"] ?? "text"
        guard let log = AccessLog(rawValue: word) else {
            throw ValidationError("--log is text, json or none")
        }
        self.log = log
        let grace = serve.graceSeconds ?? environment["GRACE_SECONDS"].map { Int($0) ?? -1 } ?? 10
        guard (0...3_600).contains(grace) else { throw ValidationError("IOVAD_GRACE_SECONDS is 0 to 3600") }
        graceSeconds = grace
        token = try (serve.tokenFile ?? environment["TOKEN_FILE"]).map(Self.readToken)
    }

    private static func readToken(_ path: String) throws -> String {
        guard let bytes = Files.read(path) else {
            throw ValidationError("cannot read the token file \(path)")
        }
        let line = bytes.prefix { $0 != 0x0a && $0 != 0x0d }
        guard line.count >= 16 else {
            throw ValidationError("the token in \(path) has fewer than 16 characters")
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Inherited sockets, or the TCP address; and the unix path.
    func listeners() throws -> [ListenSocket] {
        var listeners = try ListenSocket.inheritedFromEnvironment()
        if listeners.isEmpty, listenWasGiven || unix == nil {
            let (host, port) = try address()
            let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
            guard isLoopback || token != nil || isInsecure else {
                throw ValidationError(
                    "listening on \(host) lets others in: give --token-file, or say --insecure")
            }
            listeners.append(try ListenSocket.tcp(host: host, port: port))
        }
        if let unix { listeners.append(try ListenSocket.unix(path: unix)) }
        return listeners
    }

    private func address() throws -> (host: String, port: UInt16) {
        guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...])
        else {
            throw ValidationError("--listen \(listen): expected HOST:PORT")
        }
        var host = String(listen[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw ValidationError("--listen \(listen): expected HOST:PORT") }
        return (host, port)
    }

    /// The contract, and what the public folder holds.
    func site() throws -> Site {
        if let publicFolder, !Files.isFolder(publicFolder) {
            throw ValidationError("--public \(publicFolder) is no folder")
        }
        guard let folder = publicFolder ?? ServeSite.defaultFolder() else { return Site() }
        return try ServeSite.load(folder)
    }
}
