// What all callbacks of one daemon share. Immutable but for the connection table, which has its lock.

import HTTP
import Locking

final class ServerCore: Sendable {
    let responder: Responder
    let limits: ServerLimits
    let onCompletion: (@Sendable (CompletedExchange) -> Void)?
    let onError: (@Sendable (String) -> Void)?
    let connections = ConnectionTable()
    /// Present when the daemon speaks TLS.
    let tls: TLSMemory?
    /// What libmicrohttpd said while it started; nil afterwards.
    let startLines = Locked<[String]?>([])

    init(
        responder: Responder, limits: ServerLimits, tls: TLSMemory?,
        onCompletion: (@Sendable (CompletedExchange) -> Void)?, onError: (@Sendable (String) -> Void)?
    ) {
        self.responder = responder
        self.limits = limits
        self.tls = tls
        self.onCompletion = onCompletion
        self.onError = onError
    }

    /// One line of libmicrohttpd's error log.
    func log(_ line: String) {
        let isStarting = startLines.withLock { lines in
            lines?.append(line)
            return lines != nil
        }
        if !isStarting { onError?(line) }
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> ServerCore? {
        pointer.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
    }
}
