// Answers to Idempotency-Keys in the store: committed with the change that they answer, so that a repeated
// request finds both or neither, here and at every other instance.

import HTTP
import JSON
import Locking
import Sandboxes
import Storage

extension Ledger {
    /// Has an answer committed with what the request changes.
    ///
    /// - Parameter old: the answer that the key had, of which nothing is left.
    func keep(
        _ kept: IdempotencyStore.Kept, under key: String, _ number: UInt64,
        inPlaceOf old: StoredAnswer?, _ transaction: Transaction, _ service: Service
    ) {
        let whole = Locked(kept)
        transaction.add(service.idempotency) { [self] () throws(StorageFailure) in
            // Now that what it acted on has a life.
            let life = life(of: kept.life, transaction, service)
            let stored = whole.withLock { kept in
                kept.storedLife = life
                return Self.stored(kept, under: key)
            }
            return (old.map { [.forget($0)] } ?? []) + [.answer(stored)]
        }
        transaction.after { [idempotency = service.idempotency] in
            idempotency.store(key, number, whole.withLock { $0 })
        }
    }

    private func life(of life: KeyLife, _ transaction: Transaction, _ service: Service) -> UInt64? {
        guard let name = life.storedName else { return nil }
        return transaction.life(of: name) ?? self.life(of: name, service)
    }

    /// The life of an entity, as far as this process knows.
    private func life(of name: StoredName, _ service: Service) -> UInt64? {
        switch name.kind {
        case .platform: platform(name.id)?.head.life
        case .agreement:
            (try? service.agreements.entry(name.id))?.state.withLock { $0.copy?.head.life }
        case .session: (try? service.sessions.entry(name.id))?.state.withLock { $0.copy?.head.life }
        }
    }

    /// An answer as it is stored.
    static func stored(_ kept: IdempotencyStore.Kept, under key: String) -> StoredAnswer {
        StoredAnswer(
            key: key, expiresAt: kept.since + UInt64(Limits.idempotencyKeySeconds) * 1_000,
            bytes: bytes(of: kept))
    }

    /// Takes over the answer that another instance has given, or that memory had no room for.
    ///
    /// - Returns: the answer, where nothing is left of what its request acted on.
    func bringIn(answerTo key: String, _ service: Service) throws(Problem) -> StoredAnswer? {
        guard !service.idempotency.has(key) else { return nil }
        do throws(StorageFailure) {
            guard let stored = try storage.answer(key) else { return nil }
            return adopt(stored, service) ? nil : stored
        } catch {
            throw Problem(error)
        }
    }

    /// Takes over an answer from the store; false where nothing is left of what its request acted on.
    @discardableResult
    func adopt(_ stored: StoredAnswer, _ service: Service) -> Bool {
        guard let kept = kept(stored.bytes, service) else { return false }
        service.idempotency.adopt(stored.key, kept)
        return true
    }

    // MARK: Bytes

    private static func bytes(of kept: IdempotencyStore.Kept) -> [UInt8] {
        var writer = JSONWriter(reservingBytes: 512 + kept.answer.body.count)
        writer.object { writer in
            writer.member("v", 1)
            writer.member("fingerprint", kept.fingerprint)
            writer.member("client", kept.client)
            writer.member("since", hex: kept.since)
            if let life = kept.storedLife { writer.member("life", hex: life) }
            writer.member("status", kept.answer.status)
            writer.array("headers") { writer in
                for field in kept.answer.headers.fields {
                    writer.object { writer in
                        writer.member("name", field.name)
                        writer.member("value", field.value)
                    }
                }
            }
            switch kept.life {
            case .server: writer.member("of", "server")
            case .platform(let id, _):
                writer.member("of", "platform")
                writer.member("id", id)
            case .agreement(let id, _):
                writer.member("of", "agreement")
                writer.member("id", id)
            case .session(let session):
                writer.member("of", "session")
                writer.member("id", session.id)
            case .domain(let session, let id, let birth):
                writer.member("of", "domain")
                writer.member("id", session.id)
                writer.member("domain", id)
                writer.member("birth", hex: birth)
            }
        }
        return writer.bytes + [0x0a] + kept.answer.body
    }

    /// nil for bytes of another version, and where nothing is left of what the request acted on.
    private func kept(_ bytes: [UInt8], _ service: Service) -> IdempotencyStore.Kept? {
        guard let end = bytes.firstIndex(of: 0x0a), let line = StoredLine(bytes[..<end]), line.version == 1,
            let fingerprint = line.text("fingerprint"), let client = line.text("client"),
            let since = line.number("since"), let status = line.int("status"), (200...599).contains(status),
            let life = life(line, service),
            life.storedName.map({ self.life(of: $0, service) == line.number("life") }) ?? true
        else { return nil }
        let fields = line.elements("headers").compactMap { field in
            field.text("name").flatMap { name in
                field.text("value").map { HeaderFields.Field(name, $0) }
            }
        }
        return IdempotencyStore.Kept(
            fingerprint: fingerprint,
            answer: Response(
                status: status, headers: HeaderFields(fields), body: Array(bytes[(end + 1)...])),
            life: life, client: client, since: since, storedLife: line.number("life"))
    }

    private func life(_ line: StoredLine, _ service: Service) -> KeyLife? {
        let id = line.text("id") ?? ""
        func session() -> KeyLife.Session? {
            if storage.isShared, (try? service.sessions.entry(id)) == nil {
                bringIn(StoredName(.session, id), service)
            }
            return (try? service.sessions.entry(id))?.life
        }
        switch line.text("of") {
        case "server": return .server
        case "platform": return service.platforms.entry(id).map { .platform(id: id, serial: $0.serial) }
        case "agreement":
            return (try? service.agreements.entry(id)).map { .agreement(id: id, serial: $0.serial) }
        case "session": return session().map { .session($0) }
        case "domain":
            guard let name = line.text("domain"), let birth = line.number("birth") else { return nil }
            return session().map { .domain($0, id: name, birth: birth) }
        default: return nil
        }
    }
}

extension KeyLife {
    /// What it ends with; nil for the server.
    fileprivate var storedName: StoredName? {
        switch self {
        case .server: nil
        case .platform(let id, _): StoredName(.platform, id)
        case .agreement(let id, _): StoredName(.agreement, id)
        case .session(let session), .domain(let session, _, _): StoredName(.session, session.id)
        }
    }
}
