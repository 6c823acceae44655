// Idempotency-Key on POSTs that create something: a repeated request gets the answer of the first instead of
// a second effect. Kept are the answers of requests that ran (`ProblemKind.isOutcome`), each for the life of
// what it acted on: a session, domain or platform that is made again under the same name has seen no key.

import HTTP
import Locking
import Sandboxes

extension Service {
    /// Answers with `body`, or with what it answered before to the same request under the same key.
    func idempotent(
        _ context: RequestContext, _ body: (RequestContext) throws(Problem) -> Response
    ) throws(Problem) -> Response {
        guard let key = context.head.headers["Idempotency-Key"] else { return try body(context) }
        guard !key.isEmpty, key.utf8.count <= Limits.idempotencyKeyBytesMax else {
            throw Problem(
                .invalidParameter, "An Idempotency-Key has 1 to \(Limits.idempotencyKeyBytesMax) bytes.")
        }
        // A key counts for its path: clients number their requests within a session. And for the token that
        // sent it, since what its request made belongs to that one; neither has a blank.
        let path = String(decoding: context.head.rawTarget.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        let scoped = "\(path) \(context.plan.caller.name ?? "") \(key)"
        let fingerprint =
            EntityTag.of(context.head.rawTarget + [0] + context.request.body)
            + " \(context.plan.consumes ?? "") \(context.request.body.count)"
        let number: UInt64
        // What the store has for the key, though it has ended with what it acted on.
        var ended = context.transaction == nil ? nil : try ledger?.bringIn(answerTo: scoped, self)
        switch try claim(scoped, fingerprint) {
        case .kept(let answer): return answer
        case .first(let claimed, let forgotten):
            number = claimed
            ended = ended ?? forgotten.map { Ledger.stored($0, under: scoped) }
        }
        var context = context
        let subject = KeySubject()
        context.keySubject = subject
        let answer: Response
        do {
            answer = try body(context)
        } catch {
            guard error.kind.isOutcome else {
                idempotency.release(scoped, number)
                throw error
            }
            answer = render(error, context.head, context.requestID)
        }
        let kept = IdempotencyStore.Kept(
            fingerprint: fingerprint, answer: answer, life: subject.life, client: context.client,
            since: sessions.now())
        guard let ledger, let transaction = context.transaction else {
            idempotency.store(scoped, number, kept)
            return answer
        }
        transaction.otherwise { [idempotency] in idempotency.release(scoped, number) }
        ledger.keep(kept, under: scoped, number, inPlaceOf: ended, transaction, self)
        return answer
    }

    private enum KeyUse {
        /// With an answer that has ended.
        case first(UInt64, IdempotencyStore.Kept?)
        case kept(Response)
    }

    private func claim(_ key: String, _ fingerprint: String) throws(Problem) -> KeyUse {
        var ended: IdempotencyStore.Kept?
        while true {
            switch idempotency.claim(key, fingerprint: fingerprint, now: sessions.now()) {
            case .first(let number): return .first(number, ended)
            case .kept(let number, let kept) where !isThere(kept.life):
                idempotency.forget(key, number)
                ended = kept
            case .kept(_, let kept) where kept.fingerprint == fingerprint: return .kept(kept.answer)
            case .kept, .inFlight(isSame: false):
                throw Problem(
                    .idempotencyKeyReused, "This Idempotency-Key was already used for a different request.")
            case .inFlight:
                throw Problem(
                    .requestInFlight, "The first request with this Idempotency-Key is still being answered.")
            }
        }
    }

    func isThere(_ life: KeyLife) -> Bool {
        switch life {
        case .server: true
        case .platform(let id, let serial): platforms.entry(id)?.serial == serial
        case .session(let session): entry(session) != nil
        case .agreement(let id, let serial): (try? agreements.entry(id))?.serial == serial
        case .domain(let session, let id, let birth):
            entry(session)?.state.withLock { state in
                !state.isGone && state.session.domains.contains { $0.id == id && $0.birth == birth }
            } ?? false
        }
    }

    private func entry(_ life: KeyLife.Session) -> SessionEntry? {
        guard let entry = try? sessions.entry(life.id), entry.serial == life.serial else { return nil }
        return entry
    }
}

/// With what a key ends.
enum KeyLife: Sendable {
    struct Session: Sendable {
        let id: String
        let serial: UInt64
    }

    /// Nothing was made that could end.
    case server
    case platform(id: String, serial: UInt64)
    case agreement(id: String, serial: UInt64)
    case session(Session)
    case domain(Session, id: String, birth: UInt64)
}

/// What a request with a key acts on; its handler says so.
final class KeySubject: Sendable {
    private let found = Locked(KeyLife.server)

    var life: KeyLife { found.withLock { $0 } }

    func set(_ life: KeyLife) { found.withLock { $0 = life } }

    /// A domain of the session that was found before.
    func narrow(to domain: SessionDomain) {
        found.withLock { life in
            switch life {
            case .session(let session), .domain(let session, _, _):
                life = .domain(session, id: domain.id, birth: domain.birth)
            case .server, .platform, .agreement: break
            }
        }
    }
}
