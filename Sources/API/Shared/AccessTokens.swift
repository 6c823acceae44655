// Who may do what: the tokens of a server, each with a name and the scopes that it has, and how a request
// shows one (RFC 6750). The scope that a route needs is in its row; what belongs to a token is noted with the
// platform, session or agreement that it made. Reading the file is the composition root's.

import HTTP

/// What a token allows.
public enum Scope: String, CaseIterable, Sendable {
    /// To read what is there, and to have answers computed that change nothing.
    case read
    /// To make, change and remove platforms, sessions and agreements.
    case write
    /// To read the metrics, and to change what belongs to other tokens.
    case operate
}

/// A token that clients may send.
public struct AccessToken: Sendable {
    /// What its platforms, sessions and agreements belong to; nil for the one token of a file that names
    /// none.
    let name: String?
    let scopes: Set<Scope>
    fileprivate let secret: [UInt8]
}

/// The tokens that are accepted.
public struct AccessTokens: Sendable {
    /// Why a token file cannot be used.
    public struct Fault: Error, Sendable {
        /// A sentence's end, to stand after the name of the file.
        public let reason: String
    }

    private let tokens: [AccessToken]

    /// One token without a name, with every scope.
    public init(single secret: String) {
        tokens = [AccessToken(name: nil, scopes: Caller.everything, secret: Array(secret.utf8))]
    }

    /// Reads a token file. Where its first line has no blank and is no comment, that line is the one token,
    /// and the rest is ignored. Otherwise each line is a name, scopes with commas between them, and a token;
    /// `#` begins a comment line.
    public init(parsing file: [UInt8]) throws(Fault) {
        let lines = file.split(separator: 0x0a, omittingEmptySubsequences: false)
            .map { $0.last == 0x0d ? $0.dropLast() : $0 }
        let first = lines.first ?? []
        let isComment = first.first == UInt8(ascii: "#")
        let isEmptyBeforeOthers = first.isEmpty && !lines.allSatisfy(\.isEmpty)
        guard first.contains(where: Self.isBlank) || isComment || isEmptyBeforeOthers else {
            try Self.checkSecret(first, "the token")
            tokens = [AccessToken(name: nil, scopes: Caller.everything, secret: Array(first))]
            return
        }
        var found: [AccessToken] = []
        for (number, line) in lines.enumerated() {
            let words = line.split(whereSeparator: Self.isBlank)
            guard let head = words.first, head.first != UInt8(ascii: "#") else { continue }
            let token = try Self.token(words, "line \(number + 1)")
            guard !found.contains(where: { $0.name == token.name || $0.secret == token.secret }) else {
                throw Fault(reason: "line \(number + 1) repeats a name or a token")
            }
            found.append(token)
        }
        guard !found.isEmpty else { throw Fault(reason: "it has no token") }
        guard found.count <= Limits.tokensMax else {
            throw Fault(reason: "it has more than \(Limits.tokensMax) tokens")
        }
        tokens = found
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func token(_ words: [ArraySlice<UInt8>], _ place: String) throws(Fault) -> AccessToken {
        guard words.count == 3 else {
            throw Fault(reason: "\(place) must be a name, scopes and a token with blanks between them")
        }
        guard let name = WireID(String(decoding: words[0], as: UTF8.self)) else {
            throw Fault(
                reason: "\(place): a name has 1 to \(WireID.bytesMax) characters of A-Z a-z 0-9 - . _")
        }
        var scopes: Set<Scope> = []
        for word in words[1].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let scope = Scope(rawValue: String(decoding: word, as: UTF8.self)) else {
                let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
                throw Fault(reason: "\(place): the scopes are \(known), with commas between them")
            }
            scopes.insert(scope)
        }
        try checkSecret(words[2], "\(place): the token")
        return AccessToken(name: name.text, scopes: scopes, secret: Array(words[2]))
    }

    private static func checkSecret(_ secret: ArraySlice<UInt8>, _ what: String) throws(Fault) {
        guard secret.count >= Limits.tokenBytesMin else {
            throw Fault(reason: "\(what) has fewer than \(Limits.tokenBytesMin) characters")
        }
        guard secret.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Fault(reason: "\(what) contains characters that are not allowed in a header")
        }
    }

    /// The token that was sent. Every token is compared, each in a time that does not depend on where the
    /// first difference is.
    fileprivate func token(_ sent: Substring) -> AccessToken? {
        let sent = Array(sent.utf8)
        var found: AccessToken?
        for token in tokens where Self.equal(sent, token.secret) { found = token }
        return found
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference: UInt8 = left.count == right.count ? 0 : 1
        for index in left.indices { difference |= left[index] ^ right[index % right.count] }
        return difference == 0
    }
}

/// Who sends a request, as far as its token says.
struct Caller: Sendable {
    static let everything = Set(Scope.allCases)
    /// Where no token is needed.
    static let anybody = Caller(name: nil, scopes: everything)

    /// What belongs to nobody is everybody's with the scope `write`.
    let name: String?
    let scopes: Set<Scope>

    /// Whose a request is where clients are counted: a token's with a name, or an address's.
    func client(_ head: RequestHead) -> String { name.map { "token \($0)" } ?? head.client }

    /// Whether it may change what belongs to `owner`.
    func mayChange(_ owner: String?) -> Bool {
        owner == nil || owner == name || scopes.contains(.operate)
    }

    /// - Parameter thing: what it is, for the problem.
    func checkOwner(_ owner: String?, of thing: @autoclosure () -> String) throws(Problem) {
        if let owner, !mayChange(owner) { throw Problem(owned: thing(), by: owner) }
    }
}

extension Problem {
    /// - Parameter thing: what it is, e.g. `session "s"`.
    init(owned thing: String, by owner: String) {
        self.init(
            .forbidden,
            "The \(thing) belongs to the token \(owner): send that token, or one with the scope operate.")
    }
}

extension AccessTokens? {
    /// Who sends the request, if its token has the scope that the route needs.
    func caller(_ head: RequestHead, for route: Route) throws(Problem) -> Caller {
        guard let self, let scope = route.scope else { return .anybody }
        guard let field = head.headers["Authorization"] else {
            throw Problem(
                .unauthenticated, "Send Authorization: Bearer with a token of this server.",
                headers: Self.challenge())
        }
        let scheme = field.prefix { $0 != " " }
        guard equalIgnoringASCIICase(String(scheme), "Bearer") else {
            throw Problem(
                .unauthenticated, "Authorization is read in the scheme Bearer only.",
                headers: Self.challenge())
        }
        guard let token = self.token(FieldList.trimmed(field[scheme.endIndex...])) else {
            throw Problem(
                .unauthenticated, "The token in Authorization is none of this server's.",
                headers: Self.challenge("invalid_token"))
        }
        guard token.scopes.contains(scope) else {
            throw Problem(
                .forbidden,
                "\(token.name.map { "The token \($0)" } ?? "The token") does not have the scope \(scope.rawValue).",
                headers: Self.challenge("insufficient_scope", scope))
        }
        return Caller(name: token.name, scopes: token.scopes)
    }

    private static func challenge(_ error: String? = nil, _ scope: Scope? = nil) -> HeaderFields {
        let error = error.map { ", error=\"\($0)\"" } ?? ""
        let scope = scope.map { ", scope=\"\($0.rawValue)\"" } ?? ""
        return HeaderFields([.init("WWW-Authenticate", "Bearer realm=\"iovad\"\(error)\(scope)")])
    }
}
