// Names of content that also hold where somebody tries to make two contents of one name. The library is the
// one that libmicrohttpd brings for TLS.

import CGnuTLS

public enum SHA256 {
    private static let bytes = 32

    /// 64 hex digits in lower case. O(bytes).
    public static func hex(_ content: [UInt8]) -> String {
        let digest = [UInt8](unsafeUninitializedCapacity: bytes) { digest, count in
            let code = content.withUnsafeBytes {
                gnutls_hash_fast(GNUTLS_DIG_SHA256, $0.baseAddress, $0.count, digest.baseAddress)
            }
            precondition(code == 0, "gnutls_hash_fast failed with \(code)")
            count = bytes
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
