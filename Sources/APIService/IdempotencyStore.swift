// Answers kept by Idempotency-Key: a repeated POST gets the stored answer instead of a second effect.
// Bounded: the oldest key goes when a new one comes.

import APIContract
import HTTPMessages
import Locking

final class IdempotencyStore: Sendable {
    private struct Stored {
        let fingerprint: String
        /// nil while the first request is still being answered.
        var response: Response?
    }

    private struct State {
        var byKey: [String: Stored] = [:]
        /// Keys by age, oldest first, in a ring that starts at `oldest`.
        var ring: [String] = []
        var oldest = 0
    }

    enum Claim {
        /// Go on, then call `store` or `release`.
        case first
        case replay(Response)
        /// The key came with another request before.
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
            state.byKey[key] = Stored(fingerprint: fingerprint, response: nil)
            if state.ring.count < Limits.idempotencyKeysMax {
                state.ring.append(key)
            } else {
                state.byKey[state.ring[state.oldest]] = nil
                state.ring[state.oldest] = key
                state.oldest = (state.oldest + 1) % Limits.idempotencyKeysMax
            }
            return .first
        }
    }

    func store(_ key: String, _ response: Response) {
        state.withLock { $0.byKey[key]?.response = response }
    }

    /// Gives a claimed key back after a failure, so that the request can be repeated.
    func release(_ key: String) {
        state.withLock { state in
            guard state.byKey[key]?.response == nil, state.byKey.removeValue(forKey: key) != nil else {
                return
            }
            // The ring keeps an empty place; it is overwritten when its turn comes.
            if let place = state.ring.firstIndex(of: key) { state.ring[place] = "" }
        }
    }
}
