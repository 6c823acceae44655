// What a server presents to its clients in TLS: a certificate chain and its key, as PEM text. GnuTLS checks
// that they match when the daemon starts.

/// A certificate and its private key.
public struct TLSCredentials: Sendable {
    /// TLS 1.2 and 1.3 only, in GnuTLS's words.
    static let priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

    let certificate: [UInt8]
    let key: [UInt8]

    /// Both in PEM; the certificate first in its chain. nil when one contains a NUL: C would read only what
    /// is before it.
    public init?(certificate: [UInt8], key: [UInt8]) {
        guard !certificate.contains(0), !key.contains(0) else { return nil }
        self.certificate = certificate
        self.key = key
    }
}

/// The credentials as C strings that stay where they are while a daemon runs. `@unchecked Sendable`: nothing
/// is changed after `init`.
final class TLSMemory: @unchecked Sendable {
    let certificate: UnsafeMutableBufferPointer<UInt8>
    let key: UnsafeMutableBufferPointer<UInt8>
    let priorities: UnsafeMutableBufferPointer<UInt8>

    init(_ credentials: TLSCredentials) {
        certificate = Self.string(credentials.certificate)
        key = Self.string(credentials.key)
        priorities = Self.string(Array(TLSCredentials.priorities.utf8))
    }

    private static func string(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<UInt8> {
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count + 1)
        _ = memory.initialize(from: bytes + [0])
        return memory
    }

    deinit {
        key.update(repeating: 0)
        for memory in [certificate, key, priorities] { memory.deallocate() }
    }
}
