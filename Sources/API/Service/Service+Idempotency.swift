// Idempotency-Key on POSTs that create state: the second request with a key gets the first one's answer.

import HTTP

extension Service {
    /// Answers with `body`, or with what it answered before to the same request under the same key.
    func idempotent(
        _ context: RequestContext, _ body: () throws(Problem) -> Response
    ) throws(Problem) -> Response {
        guard let key = context.head.headers["Idempotency-Key"] else { return try body() }
        guard !key.isEmpty, key.utf8.count <= Limits.idempotencyKeyBytesMax else {
            throw Problem(
                .invalidParameter, "Idempotency-Key has 1 to \(Limits.idempotencyKeyBytesMax) bytes.")
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
            throw Problem(.idempotencyKeyReused, "This Idempotency-Key came with another request before.")
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
