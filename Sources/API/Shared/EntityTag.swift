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
    var condition: PlatformStore.Condition {
        let match = EntityTag.list(head.headers.all("If-Match"))
        if !match.isEmpty { return .matches(match) }
        return EntityTag.list(head.headers.all("If-None-Match")).contains("*") ? .absent : .none
    }
}
