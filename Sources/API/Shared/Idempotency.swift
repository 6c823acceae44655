// Idempotency-Key on POSTs that create something: a repeated request gets the stored answer of the first
// instead of a second effect. The store is bounded in number and in bytes: the oldest keys are dropped when a
// new one arrives.

import HTTP
import Locking

extension Service {
    /// Answers with `body`, or with what it answered before to the same request under the same key.
    func idempotent(
        _ context: RequestContext, _ body: () throws(Problem) -> Response
    ) throws(Problem) -> Response {
        guard let key = context.head.headers["Idempotency-Key"] else { return try body() }
        guard !key.isEmpty, key.utf8.count <= Limits.idempotencyKeyBytesMax else {
            throw Problem(
                .invalidParameter, "An Idempotency-Key has 1 to \(Limits.idempotencyKeyBytesMax) bytes.")
        }
        // A key counts for its path: clients number their requests within a session.
        let path = context.head.rawTarget.prefix { $0 != UInt8(ascii: "?") }
        let scoped = String(decoding: path, as: UTF8.self) + " " + key
        let fingerprint =
            EntityTag.of(context.head.rawTarget + [0] + context.request.body)
            + " \(context.plan.consumes ?? "") \(context.request.body.count)"
        switch idempotency.claim(scoped, fingerprint: fingerprint) {
        case .replay(let stored): return stored
        case .reused:
            throw Problem(
                .idempotencyKeyReused, "This Idempotency-Key was already used for a different request.")
        case .inFlight:
            throw Problem(
                .requestInFlight, "The first request with this Idempotency-Key is still being answered.")
        case .first: break
        }
        do {
            let response = try body()
            idempotency.store(scoped, response)
            return response
        } catch {
            idempotency.release(scoped)
            throw error
        }
    }
}

final class IdempotencyStore: Sendable {
    private struct Stored {
        let fingerprint: String
        /// Distinguishes this claim from a later one of the same key.
        let number: UInt64
        /// nil while the first request is still being answered.
        var response: Response?
    }

    private struct State {
        var byKey: [String: Stored] = [:]
        /// Claims by age, oldest first from `first`; those whose key was released or evicted are skipped.
        var queue: [(key: String, number: UInt64)] = []
        var first = 0
        var nextNumber: UInt64 = 0
        var bytes = 0
    }

    enum Claim {
        /// Go on, then call `store` or `release`.
        case first
        case replay(Response)
        /// The key was already used for a different request.
        case reused
        /// The first request with this key is still being answered.
        case inFlight
    }

    private let state = Locked(State())

    func claim(_ key: String, fingerprint: String) -> Claim {
        state.withLock { state in
            if let stored = state.byKey[key] {
                guard stored.fingerprint == fingerprint else { return .reused }
                return stored.response.map { .replay($0) } ?? .inFlight
            }
            let number = state.nextNumber
            state.nextNumber += 1
            state.byKey[key] = Stored(fingerprint: fingerprint, number: number, response: nil)
            state.queue.append((key, number))
            Self.evict(&state)
            return .first
        }
    }

    func store(_ key: String, _ response: Response) {
        state.withLock { state in
            guard state.byKey[key] != nil else { return }
            state.byKey[key]?.response = response
            state.bytes += response.body.count
            Self.evict(&state)
        }
    }

    /// Gives a claimed key back after a failure, so that the request can be repeated.
    func release(_ key: String) {
        state.withLock { state in
            if state.byKey[key]?.response == nil { state.byKey[key] = nil }
        }
    }

    /// Oldest first, until both bounds hold. Amortised O(1).
    private static func evict(_ state: inout State) {
        while state.first < state.queue.count {
            let oldest = state.queue[state.first]
            let isThere = state.byKey[oldest.key]?.number == oldest.number
            let isOver =
                state.byKey.count > Limits.idempotencyKeysMax
                || state.bytes > Limits.idempotencyBytesTotalMax
            guard isOver || !isThere else { break }
            if isThere {
                state.bytes -= state.byKey.removeValue(forKey: oldest.key)?.response?.body.count ?? 0
            }
            state.first += 1
        }
        if state.queue.count - state.first > 2 * Limits.idempotencyKeysMax {
            // Many keys after an old one that stays were given back.
            state.queue = state.queue[state.first...].filter { state.byKey[$0.key]?.number == $0.number }
            state.first = 0
        }
        if state.first > 64, state.first * 2 > state.queue.count {
            state.queue.removeFirst(state.first)
            state.first = 0
        }
    }
}
