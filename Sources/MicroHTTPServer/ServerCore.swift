// What all callbacks of one daemon share. Immutable but for the connection table, which has its lock.

import HTTPMessages

final class ServerCore: Sendable {
    let responder: Responder
    let limits: ServerLimits
    let onCompletion: (@Sendable (CompletedExchange) -> Void)?
    let onError: (@Sendable (String) -> Void)?
    let connections = ConnectionTable()

    init(
        responder: Responder, limits: ServerLimits,
        onCompletion: (@Sendable (CompletedExchange) -> Void)?, onError: (@Sendable (String) -> Void)?
    ) {
        self.responder = responder
        self.limits = limits
        self.onCompletion = onCompletion
        self.onError = onError
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> ServerCore? {
        pointer.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
    }
}
