// Strong entity tags from content. FNV-1a is no cryptographic digest; a tag guards against lost updates
// between cooperating clients, not against a forger.

import AddressSpaces
import HTTP

enum EntityTag {
    /// A quoted tag of 16 hex digits.
    static func of(_ bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes {
            hash ^= UInt64(byte)
            hash = hash &* 0x100_0000_01b3
        }
        return "\"" + HexLiteral.digits(hash, atLeast: 16) + "\""
    }

    /// The tags of an If-Match or If-None-Match field: quoted strings (a weak prefix is kept), or `*`.
    static func list(_ fields: [String]) -> [String] {
        FieldList.elements(fields).map(String.init)
    }
}
