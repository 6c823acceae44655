// What a server presents to its clients in TLS: a certificate chain and its key, read from PEM and checked
// once, and handed to every handshake by a callback, so that they can be replaced while connections are open.
// GnuTLS gives the callback a session and nothing of ours: the socket leads back to the identity.

import CGnuTLS
import Locking

/// A certificate and its private key, in PEM; the certificate first in its chain.
public struct TLSCredentials: Sendable {
    /// TLS 1.2 and 1.3 only, in GnuTLS's words, and no key exchange by RSA alone: who gets the key later must
    /// not read what was said before.
    static let priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

    let certificate: [UInt8]
    let key: [UInt8]

    public init(certificate: [UInt8], key: [UInt8]) {
        self.certificate = certificate
        self.key = key
    }
}

/// Why credentials cannot be used.
public struct TLSFault: Error, Hashable, Sendable {
    /// What GnuTLS says.
    public let reason: String

    fileprivate static func check(_ code: Int32) throws(TLSFault) {
        guard code < 0 else { return }
        throw TLSFault(reason: gnutls_strerror(code).map { String(cString: $0) } ?? "GnuTLS error \(code)")
    }
}

/// What is presented from now on, by one daemon or by several.
public final class TLSIdentity: Sendable {
    private struct State {
        var current: LoadedCredentials
        /// A handshake that began before the replacement may still read them.
        var retired: [(credentials: LoadedCredentials, sinceMicroseconds: Int64)] = []
    }

    /// No handshake takes longer: connections without a request line end before.
    private static let handshakeSecondsMax: Int64 = 300
    private let state: Locked<State>

    public init(_ credentials: TLSCredentials) throws(TLSFault) {
        state = Locked(State(current: try LoadedCredentials(credentials)))
    }

    /// New handshakes get these. When this throws, all stays as it is.
    public func replace(with credentials: TLSCredentials) throws(TLSFault) {
        let loaded = try LoadedCredentials(credentials)
        let now = MonotonicClock.microseconds()
        state.withLock { state in
            state.retired.removeAll { now - $0.sinceMicroseconds > Self.handshakeSecondsMax * 1_000_000 }
            state.retired.append((state.current, now))
            state.current = loaded
        }
    }

    fileprivate var current: LoadedCredentials { state.withLock { $0.current } }
}

/// Credentials as GnuTLS holds them. `@unchecked Sendable`: nothing is changed after `init`.
private final class LoadedCredentials: @unchecked Sendable {
    /// More certificates than this in a chain are refused.
    private static let chainMax: UInt32 = 16
    let chain = UnsafeMutablePointer<gnutls_pcert_st>.allocate(capacity: Int(LoadedCredentials.chainMax))
    private(set) var count: UInt32 = 0
    private(set) var key: gnutls_privkey_t?

    init(_ credentials: TLSCredentials) throws(TLSFault) {
        var (certificate, secret) = (credentials.certificate, credentials.key)
        let fault = certificate.withUnsafeMutableBufferPointer { certificate in
            secret.withUnsafeMutableBufferPointer { secret in
                read(
                    gnutls_datum_t(data: certificate.baseAddress, size: UInt32(certificate.count)),
                    gnutls_datum_t(data: secret.baseAddress, size: UInt32(secret.count)))
            }
        }
        if let fault { throw fault }
    }

    private func read(_ certificate: gnutls_datum_t, _ secret: gnutls_datum_t) -> TLSFault? {
        var (certificate, secret) = (certificate, secret)
        do throws(TLSFault) {
            try Self.checkPair(&certificate, &secret)
            var read = Self.chainMax
            try TLSFault.check(
                gnutls_pcert_list_import_x509_raw(chain, &read, &certificate, GNUTLS_X509_FMT_PEM, 0))
            count = read
            try TLSFault.check(gnutls_privkey_init(&key))
            try TLSFault.check(gnutls_privkey_import_x509_raw(key, &secret, GNUTLS_X509_FMT_PEM, nil, 0))
            return nil
        } catch {
            return error
        }
    }

    /// Whether the key is the certificate's.
    private static func checkPair(
        _ certificate: inout gnutls_datum_t, _ secret: inout gnutls_datum_t
    ) throws(TLSFault) {
        var pair: gnutls_certificate_credentials_t?
        try TLSFault.check(gnutls_certificate_allocate_credentials(&pair))
        defer { gnutls_certificate_free_credentials(pair) }
        try TLSFault.check(
            gnutls_certificate_set_x509_key_mem(pair, &certificate, &secret, GNUTLS_X509_FMT_PEM))
    }

    deinit {
        for index in 0..<Int(count) { gnutls_pcert_deinit(chain + index) }
        chain.deallocate()
        if let key { gnutls_privkey_deinit(key) }
    }
}

/// The identities behind the sockets of open TLS connections.
enum TLSConnections {
    private static let identities = Locked<[Int32: TLSIdentity]>([:])

    static func opened(_ descriptor: Int32, _ identity: TLSIdentity) {
        identities.withLock { $0[descriptor] = identity }
    }

    /// Before the descriptor is closed.
    static func closing(_ descriptor: Int32) {
        identities.withLock { $0[descriptor] = nil }
    }

    fileprivate static func identity(_ descriptor: Int32) -> TLSIdentity? {
        identities.withLock { $0[descriptor] }
    }
}

typealias CertificateCallback =
    @convention(c) (
        gnutls_session_t?, UnsafePointer<gnutls_datum_t>?, Int32, UnsafePointer<gnutls_pk_algorithm_t>?,
        Int32,
        UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?, UnsafeMutablePointer<UInt32>?,
        UnsafeMutablePointer<gnutls_privkey_t?>?
    ) -> Int32

/// Certificate callback: on the connection's thread, once in each handshake. What it gives stays the
/// identity's.
func presentCertificate(
    _ session: gnutls_session_t?, _ authorities: UnsafePointer<gnutls_datum_t>?, _ authorityCount: Int32,
    _ algorithms: UnsafePointer<gnutls_pk_algorithm_t>?, _ algorithmCount: Int32,
    _ chain: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?,
    _ count: UnsafeMutablePointer<UInt32>?, _ key: UnsafeMutablePointer<gnutls_privkey_t?>?
) -> Int32 {
    guard let session, let chain, let count, let key,
        let credentials = TLSConnections.identity(gnutls_transport_get_int(session))?.current
    else { return -1 }
    chain.pointee = credentials.chain
    count.pointee = credentials.count
    key.pointee = credentials.key
    return 0
}
