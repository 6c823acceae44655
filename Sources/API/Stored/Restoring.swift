// The beginning of a service that has a store, what it does about once a second, and how it follows what
// others commit.

import HTTP
import Locking
public import Storage

/// What a service found in its store.
public struct RestoredState: Sendable {
    public var platforms = 0
    public var agreements = 0
    public var sessions = 0
    /// Entities that this version cannot read, by kind and id. They stay in the store.
    public var unreadable: [String] = []
}

extension Service {
    /// Makes the copies of all that is in the store. To be called once, before the first request, and not on
    /// a thread that serves connections.
    public func restore() throws(StorageFailure) -> RestoredState {
        var state = RestoredState()
        guard let ledger else { return state }
        for (name, head) in try ledger.storage.heads(.platform) {
            guard let entry = try ledger.read(name.id, head, self) else { continue }
            platforms.adopt(name.id, entry)
            state.platforms += 1
        }
        _ = platforms.takeChanges()
        state.sessions = try restore(.session, ledger)
        state.agreements = try restore(.agreement, ledger)
        for answer in try ledger.storage.answers() { ledger.adopt(answer, self) }
        // What changed between an upload and the agreements that follow it.
        ledger.reviewAll(self)
        state.unreadable = ledger.unreadable.sorted().map { "\($0.kind.rawValue) \($0.id)" }
        ledger.storage.follow { [weak self] names in self?.follow(names) }
        return state
    }

    private func restore(_ kind: StoredKind, _ ledger: Ledger) throws(StorageFailure) -> Int {
        var count = 0
        for (name, _) in try ledger.storage.heads(kind) {
            guard let entity = try ledger.storage.entity(name, after: nil) else { continue }
            do throws(ReplayFault) {
                switch kind {
                case .session: count += try ledger.adopt(session: entity, self) ? 1 : 0
                case .agreement: count += try ledger.adopt(agreement: entity, self) ? 1 : 0
                case .platform: break
                }
            } catch .storage(let failure) {
                throw failure
            } catch {
                ledger.noteUnreadable(name)
            }
        }
        return count
    }

    /// What the store has to do now and then. Call it about once a second, on a thread that may wait.
    public func tickStore() {
        guard let ledger else { return }
        try? ledger.storage.expire()
        if ledger.owesReview { ledger.reviewAll(self) }
    }

    /// Others have changed these entities; nil where nobody knows which.
    private func follow(_ names: [StoredName]?) {
        guard let ledger else { return }
        do throws(StorageFailure) {
            for (kind, ids) in try known(names, ledger) where !ids.isEmpty {
                switch kind {
                case .platform:
                    ledger.platformGate.enter()
                    defer { ledger.platformGate.leave() }
                    try ledger.bringInStep(ids, self)
                case .agreement: for id in ids { ledger.follow(agreement: id, self) }
                case .session: for id in ids { ledger.follow(session: id, self) }
                }
            }
        } catch {
            // Whoever asks for one of them brings it in step, or hears that the store is away.
            ledger.note { $0.failures += 1 }
        }
        followPlatforms()
    }

    /// Ids by kind: platforms first, since agreements look at them.
    private func known(
        _ names: [StoredName]?, _ ledger: Ledger
    ) throws(StorageFailure) -> [(StoredKind, [String])] {
        let kinds: [StoredKind] = [.platform, .agreement, .session]
        if let names {
            return kinds.map { kind in (kind, Set(names.filter { $0.kind == kind }.map(\.id)).sorted()) }
        }
        var all: [(StoredKind, [String])] = []
        for kind in kinds {
            var ids = Set(try ledger.storage.heads(kind).map(\.name.id))
            switch kind {
            case .platform: ids.formUnion(ledger.platforms.keys)
            case .agreement: ids.formUnion(agreements.all.map(\.id))
            case .session: ids.formUnion(sessions.page(after: nil, limit: .max).entries.map(\.id))
            }
            all.append((kind, ids.sorted()))
        }
        return all
    }
}

extension Ledger {
    /// Brings one session in step with what others have committed, so that its subscribers hear of it.
    fileprivate func follow(session id: String, _ service: Service) {
        let transaction = Transaction(Circumstances(now: storage.now(), random: 0, client: ""))
        _ = try? session(id, transaction, service)
        transaction.abandon()
    }

    fileprivate func follow(agreement id: String, _ service: Service) {
        let transaction = Transaction(Circumstances(now: storage.now(), random: 0, client: ""))
        _ = try? agreement(id, transaction, service)
        transaction.abandon()
    }
}
