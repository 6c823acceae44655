// Which Idempotency-Keys were used, and what was answered to them. The store knows nothing of requests or of
// what they act on. A claim has a number, so that a late answer touches no later claim of the same key.

import HTTP
import Locking

/// Keys and what was answered to them; bounded in number and in bytes, the oldest answers go first. A key
/// whose request is still being answered stays: there are no more of them than requests.
final class IdempotencyStore: Sendable {
    private enum Stored {
        case inFlight(number: UInt64, fingerprint: String)
        case kept(number: UInt64, KeyLife, fingerprint: String, Response)

        /// Distinguishes this claim from a later one of the same key.
        var number: UInt64 {
            switch self {
            case .inFlight(let number, _), .kept(let number, _, _, _): number
            }
        }
    }

    private struct State {
        var byKey: [String: Stored] = [:]
        /// Keys with answers, oldest first from `first`; those that are gone are skipped.
        var queue: [(key: String, number: UInt64)] = []
        var first = 0
        var nextNumber: UInt64 = 0
        var keptCount = 0
        var bytes = 0
    }

    enum Claim {
        /// Go on, then call `store` or `release` with the number.
        case first(number: UInt64)
        case kept(number: UInt64, KeyLife, fingerprint: String, Response)
        /// The first request with this key is still being answered.
        case inFlight(isSame: Bool)
    }

    private let state = Locked(State())

    func claim(_ key: String, fingerprint: String) -> Claim {
        state.withLock { state in
            switch state.byKey[key] {
            case .kept(let number, let life, let fingerprint, let answer):
                return .kept(number: number, life, fingerprint: fingerprint, answer)
            case .inFlight(_, let first): return .inFlight(isSame: first == fingerprint)
            case nil:
                let number = state.nextNumber
                state.nextNumber += 1
                state.byKey[key] = .inFlight(number: number, fingerprint: fingerprint)
                return .first(number: number)
            }
        }
    }

    /// Keeps the answer to a claimed key.
    func store(_ key: String, _ number: UInt64, _ answer: Response, for life: KeyLife) {
        state.withLock { state in
            guard case .inFlight(number, let fingerprint) = state.byKey[key] else { return }
            state.byKey[key] = .kept(number: number, life, fingerprint: fingerprint, answer)
            state.queue.append((key, number))
            state.keptCount += 1
            state.bytes += answer.body.count
            Self.evict(&state)
        }
    }

    /// Gives a claimed key back, so that the request can be repeated or corrected.
    func release(_ key: String, _ number: UInt64) {
        state.withLock { state in
            if case .inFlight(number, _) = state.byKey[key] { state.byKey[key] = nil }
        }
    }

    /// Drops an answer whose life has ended.
    func forget(_ key: String, _ number: UInt64) {
        state.withLock { Self.drop(key, number, &$0) }
    }

    private static func drop(_ key: String, _ number: UInt64, _ state: inout State) {
        guard case .kept(number, _, _, let answer) = state.byKey[key] else { return }
        state.byKey[key] = nil
        state.keptCount -= 1
        state.bytes -= answer.body.count
    }

    /// Oldest first, until both bounds hold. Amortised O(1).
    private static func evict(_ state: inout State) {
        while state.first < state.queue.count,
            state.keptCount > Limits.idempotencyKeysMax || state.bytes > Limits.idempotencyBytesTotalMax
        {
            let oldest = state.queue[state.first]
            drop(oldest.key, oldest.number, &state)
            state.first += 1
        }
        if state.queue.count - state.first > 2 * Limits.idempotencyKeysMax {
            // Many were dropped with what they had acted on.
            state.queue = state.queue[state.first...].filter { state.byKey[$0.key]?.number == $0.number }
            state.first = 0
        }
        if state.first > 64, state.first * 2 > state.queue.count {
            state.queue.removeFirst(state.first)
            state.first = 0
        }
    }
}
