// Strong entity tags, and how If-Match and If-None-Match use them. A tag is a digest of the content that is
// no cryptographic one: it protects cooperating clients from lost updates, not from a forger.

import AddressSpaces
import HTTP

enum EntityTag {
    /// A quoted tag of 16 hex digits.
    static func of(_ bytes: some Sequence<UInt8>) -> String {
        let digest = bytes.withContiguousStorageIfAvailable { WordDigest.of(UnsafeRawBufferPointer($0)) }
        return "\""
            + HexLiteral.digits(digest ?? Array(bytes).withUnsafeBytes { WordDigest.of($0) }, atLeast: 16)
            + "\""
    }

    /// The same of a body and of what else decides the content: of the body alone where nothing does.
    static func of(_ body: [UInt8], with facts: [String?]) -> String {
        guard facts.contains(where: { $0 != nil }) else { return of(body) }
        // No byte of a text is 0xff or 0xfe, so that two lists of facts never read alike.
        return of(body + facts.flatMap { fact in fact.map { [0xff] + Array($0.utf8) } ?? [0xfe] })
    }

    /// The tags of an If-Match or If-None-Match field: quoted strings (a weak prefix is kept), or `*`.
    static func list(_ fields: [String]) -> [String] {
        FieldList.elements(fields).map(String.init)
    }
}

extension RequestContext {
    /// `If-None-Match` names this tag (weak comparison, RFC 9110, 13.1.2), so 304 is the answer.
    func alreadyHas(_ etag: String) -> Bool {
        EntityTag.list(head.headers.all("If-None-Match")).contains {
            $0 == "*" || $0 == etag || $0 == "W/\(etag)"
        }
    }

    /// What If-Match and If-None-Match demand of a change.
    var condition: EntityCondition {
        EntityCondition(match: tags("If-Match"), noneMatch: tags("If-None-Match"))
    }

    /// nil without such a field; one without a tag names none.
    private func tags(_ name: String) -> [String]? {
        let fields = head.headers.all(name)
        return fields.isEmpty ? nil : EntityTag.list(fields)
    }
}

/// The condition of a change (RFC 9110, 13.2.2): both fields must hold.
struct EntityCondition: Sendable {
    /// `If-Match`: what is there has one of these tags, or any with `*`.
    var match: [String]?
    /// `If-None-Match`: what is there has none of these tags; with `*` there is nothing.
    var noneMatch: [String]?

    static let none = EntityCondition()

    /// - Parameter current: the tag of what is there; nil where nothing is.
    func holds(of current: String?) -> Bool {
        if let match {
            guard let current, match.contains("*") || match.contains(current) else { return false }
        }
        guard let noneMatch, let current else { return true }
        return !noneMatch.contains { $0 == "*" || $0 == current || $0 == "W/\(current)" }
    }
}
