// Where the server listens: inherited sockets, or a TCP address; and a unix path. Listening beyond loopback
// without a token must be asked for. Why a socket cannot be opened is said in terms of the flags.

import AddressSpaces
import ArgumentParser
import Glibc
import MicroHTTP

extension Settings {
    /// Inherited sockets, or the TCP address; and the unix path.
    func listeners() throws -> [ListenSocket] {
        var listeners = try opened(for: "LISTEN_FDS") { () throws(ListenError) in
            try ListenSocket.inheritedFromEnvironment()
        }
        if listeners.isEmpty, listenWasGiven || unix == nil {
            let (host, port) = try Self.address(of: listen)
            listeners.append(
                try opened(for: "--listen \(listen)") { () throws(ListenError) in
                    try ListenSocket.tcp(host: host, port: port)
                })
        }
        // Nobody is answered before a daemon runs, so a refusal here is early enough.
        for listener in listeners where !Self.isLocal(listener) && tokens == nil && !isInsecure {
            throw ValidationError(
                "other machines can reach \(listener.name): give --token-file, or allow it with --insecure")
        }
        if let unix {
            listeners.append(
                try opened(for: "--unix \(unix)") { () throws(ListenError) in
                    try ListenSocket.unix(path: unix)
                })
        }
        return listeners
    }

    func opened<Value>(for place: String, _ open: () throws(ListenError) -> Value) throws -> Value {
        do throws(ListenError) {
            return try open()
        } catch {
            throw ServeStartError(error, for: place)
        }
    }

    /// Whether only this machine can connect.
    private static func isLocal(_ listener: ListenSocket) -> Bool {
        listener.isUnix || isLoopback(listener.name)
    }

    /// Of an address with its port.
    private static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address.hasPrefix("[::1]:")
    }

    /// As it was typed: a name that begins like an address may be anybody's.
    private static func isLoopbackAddress(_ host: String) -> Bool {
        if host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Refuses what a unit file cannot say, and where the server would not start without a token.
    static func checkUnit(listen: String, hasToken: Bool) throws {
        if listen.hasPrefix("/") { return }
        let (host, _) = try address(of: listen)
        guard hasToken || host == "localhost" || isLoopbackAddress(host) else {
            throw ValidationError("--listen \(listen): other machines can reach it: give --token-file")
        }
    }

    /// The two parts of what `--listen` says.
    static func address(of listen: String) throws -> (host: String, port: UInt16) {
        guard let colon = listen.lastIndex(of: ":"),
            let port = DecimalLiteral.parse(listen[listen.index(after: colon)...].utf8)
                .flatMap(UInt16.init(exactly:))
        else {
            throw ValidationError(
                "--listen \(listen): expected HOST:PORT, as in \(Settings.listenDefault) or [::1]:8080")
        }
        var host = String(listen[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw ValidationError("--listen \(listen): an IPv6 address needs brackets, as in [::1]:8080")
        }
        guard !host.isEmpty else { throw ValidationError("--listen \(listen): expected HOST:PORT") }
        return (host, port)
    }
}

struct ServeStartError: Error, CustomStringConvertible {
    let description: String

    init(_ error: ListenError, for place: String) {
        description = "\(place): \(Self.reason(error))"
    }

    private static func reason(_ error: ListenError) -> String {
        switch error {
        case .notAnAddress(let host): "\(host) is not a numeric address; host names are not resolved"
        case .pathTooLong(let count, let limit):
            "the path has \(count) bytes; the path of a socket can have \(limit)"
        case .pathIsNotASocket(let path): "\(path) exists and is not a socket; it is not replaced"
        case .pathInUse(let path): "another process listens on \(path)"
        case .notAListeningSocket(let descriptor):
            "descriptor \(descriptor) from LISTEN_FDS is not a listening stream socket"
        case .system(let call, let code): "\(call) failed: \(String(cString: strerror(code)))"
        case .daemonNotStarted(let lines):
            "libmicrohttpd did not start" + (lines.isEmpty ? "" : ": " + lines.joined(separator: "; "))
        }
    }
}
