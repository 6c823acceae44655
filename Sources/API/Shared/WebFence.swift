// What keeps web pages away from a server that their reader's browser can reach, loopback included: the names
// by which it may be asked (against DNS rebinding), and whose pages may change something. Programs that are
// no browsers send no Origin, and as Host what stands in their URL.

import HTTP
import JSON

/// The names by which clients may ask: those of loopback, the addresses that are listened at, and what
/// whoever runs the server allows. Ports do not count: a tunnel may have another.
public struct HostNames: Sendable {
    private let listening: [String]
    private let allowed: [String]
    /// Listening at every address of the machine, so that any of them may be in a URL. No page of others has
    /// a numeric address for its name.
    private let hasEveryAddress: Bool
    private let allowsAll: Bool
    /// What most programs send: the addresses as they are listened at, of which this server is named so.
    private var usual: [String] = []

    /// - Parameters:
    ///   - listening: addresses with their ports, as in `127.0.0.1:8080` and `[::1]:8080`.
    ///   - allowed: further names, without ports; `*` for all.
    public init(listening: [String], allowed: [String]) {
        self.listening = listening.map { String(Self.name(of: $0)) }
        // A dot at the end is dropped of what is asked for, too.
        self.allowed = allowed.map { $0.utf8.last == UInt8(ascii: ".") ? String($0.dropLast()) : $0 }
            .filter { !$0.isEmpty }
        hasEveryAddress = self.listening.contains { ["0.0.0.0", "[::]"].contains($0) }
        allowsAll = allowed.contains("*")
        usual = listening.filter(include)
    }

    /// Whether a name is one that can be allowed: a host's name or address, without a port.
    public static func isName(_ text: String) -> Bool {
        if text == "*" { return true }
        guard !text.isEmpty, name(of: text).utf8.count == text.utf8.count else { return false }
        if text.hasPrefix("[") { return isAddress(text[...]) }
        return text.utf8.allSatisfy {
            isDigit($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || "-._".utf8.contains($0)
        }
    }

    /// Whether a Host field names this server.
    func include(_ field: String) -> Bool {
        // 60 instructions where taking the field apart takes 3,000.
        if allowsAll || usual.contains(field) { return true }
        // By bytes throughout: every request comes by here, and characters cost twenty times as much.
        var name = Self.name(of: field)
        if name.utf8.last == UInt8(ascii: ".") { name = Substring(name.utf8.dropLast()) }
        if isAllowed(name) || Self.same(name, "localhost") || name == "[::1]" { return true }
        guard Self.isAddress(name) else { return false }
        return hasEveryAddress || name.utf8.starts(with: "127.".utf8)
            || listening.contains { Self.same(name, $0) }
    }

    /// Whether the name was allowed by itself.
    fileprivate func isAllowed(_ name: Substring) -> Bool { allowed.contains { Self.same(name, $0) } }

    /// Without the port.
    fileprivate static func name(of authority: String) -> Substring {
        let bytes = authority.utf8
        let end = bytes.lastIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "]") }
        guard let end, bytes[end] == UInt8(ascii: ":"), bytes[end...].dropFirst().allSatisfy(isDigit)
        else { return authority[...] }
        return authority[..<end]
    }

    private static func same(_ left: Substring, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && equalIgnoringASCIICase(String(left), right)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// An IPv4 address in its usual form, or anything in brackets: no name of a host looks like these.
    private static func isAddress(_ name: Substring) -> Bool {
        if name.utf8.first == UInt8(ascii: "["), name.utf8.last == UInt8(ascii: "]") {
            return name.utf8.dropFirst().dropLast().allSatisfy {
                isDigit($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0)
                    || ":.".utf8.contains($0)
            }
        }
        var (parts, digits) = (1, 0)
        for byte in name.utf8 {
            if isDigit(byte) {
                digits += 1
            } else {
                guard byte == UInt8(ascii: "."), (1...3).contains(digits) else { return false }
                (parts, digits) = (parts + 1, 0)
            }
        }
        return parts == 4 && (1...3).contains(digits)
    }
}

extension Service {
    /// Refuses what comes from a page of others. Probes and pages, which need no scope, answer anybody.
    func checkFence(_ route: Route, _ head: RequestHead, _ target: RequestTarget) throws(Problem) {
        guard let names = configuration.hosts, route.scope != nil else { return }
        let host = target.authority ?? head.headers["Host"]
        // No page reaches a unix socket, and clients put any name there.
        if let host, head.peer != RequestHead.unixPeer, !names.include(host) {
            throw Problem(
                .foreignHost,
                "This server is not called \(Excerpt.of(host)): ask for localhost or its address, or start it with --allow-host."
            )
        }
        guard route.method != .get else { return }
        if let origin = head.headers["Origin"] {
            guard !isOurs(origin, host, names) else { return }
            throw Problem(
                .foreignOrigin,
                "Pages of \(Excerpt.of(origin)) may change and compute nothing here; --cors-origin allows one origin."
            )
        }
        // Browsers that leave Origin out say this; programs do not.
        if let site = head.headers["Sec-Fetch-Site"], ["cross-site", "same-site"].contains(site) {
            throw Problem(
                .foreignOrigin,
                "Pages of other origins may change and compute nothing here; --cors-origin allows one origin."
            )
        }
    }

    /// The origin of our own pages is the name that they asked for; behind a proxy that puts another name
    /// into Host, it is a name that was allowed.
    private func isOurs(_ origin: String, _ host: String?, _ names: HostNames) -> Bool {
        if let allowed = configuration.allowedOrigin, allowed == "*" || allowed == origin { return true }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty else { return false }
        let authority = String(parts[2])
        if let host, equalIgnoringASCIICase(authority, host) { return true }
        return names.isAllowed(HostNames.name(of: authority))
    }
}
