// What the callbacks of one daemon share.

import HTTPMessages
import Locking

/// Handed to libmicrohttpd as the closure argument of every callback; outlives the daemon.
final class ServerContext: Sendable {
    private struct State {
        var isDraining = false
        var open = 0
        /// Open requests whose body has not come whole.
        var receiving = 0
    }

    let responder: Responder
    let limits: ServerLimits
    let observer: Daemon.Observer?
    private let state = Locked(State())

    init(responder: Responder, limits: ServerLimits, observer: Daemon.Observer?) {
        self.responder = responder
        self.limits = limits
        self.observer = observer
    }

    /// A request has come to life; says whether the server is draining.
    func requestBegan() -> Bool {
        state.withLock { state in
            state.open += 1
            state.receiving += 1
            return state.isDraining
        }
    }

    /// The request is whole, or refused before it was: an answer is due.
    func requestReceived() { state.withLock { $0.receiving -= 1 } }

    func requestEnded() { state.withLock { $0.open -= 1 } }

    func beginDraining() { state.withLock { $0.isDraining = true } }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Requests that have begun and are not completed; and those of them to which an answer is due.
    var openRequests: (all: Int, due: Int) { state.withLock { ($0.open, $0.open - $0.receiving) } }
}

/// One request as libmicrohttpd's `con_cls` holds it: created by the URI callback, which alone sees the raw
/// target, and released by the completion callback.
final class Exchange {
    let pending: PendingRequest
    var hasBegun = false
    var isReceived = false
    var response: Response?
    var startedNanoseconds: UInt64 = 0

    init(rawTarget: [UInt8]) { pending = PendingRequest(rawTarget: rawTarget) }
}
