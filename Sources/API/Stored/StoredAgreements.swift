// Agreements in the store: the proposal and what came of it, as rows. A review after platforms have changed
// is a row too, with the platforms as they were.

import AddressSpaces
import Fleet
import HTTP
import Locking
import Storage

extension Service {
    /// How the events of an agreement are told that a request changes.
    func telling(_ context: RequestContext) -> AgreementTelling {
        guard let ledger, let transaction = context.transaction else { return .atOnce(context.now(self)) }
        let platforms = context.plan.route.looksAtPlatforms
        return ledger.telling(transaction, self, looksAt: platforms ? [] : nil) { context.command(pins: $0) }
    }

    /// Puts an agreement in that a request proposes.
    func add(
        _ agreement: Agreement, _ proposal: AgreementProposal, _ telling: AgreementTelling,
        _ context: RequestContext
    ) throws(ExpiringRefusal) -> AgreementEntry {
        if let ledger, context.transaction != nil, ledger.storage.isShared {
            ledger.bringIn(agreement: StoredName(.agreement, agreement.id), self)
        }
        let basis = AgreementEntry.Basis(
            stated: proposal.stated, placed: proposal.placed, weight: proposal.weight,
            owner: context.caller.name, client: context.client)
        let entry = try agreements.add(agreement, basis) { entry, state in
            context.transaction?.enter(entry.gate)
            agreements.publish(&state, of: entry, telling)
        }
        context.transaction?.otherwise { [agreements] in
            if agreements.remove(entry) { agreements.bury(removed: entry) }
        }
        return entry
    }

    /// Runs the review of a row again: on the only agreement of a service that nobody can reach.
    func reviewAgain(_ command: StoredCommand, renaming: (from: String, digest: String, to: String)?) {
        let ids = String(decoding: command.target, as: UTF8.self).split(separator: ",").map(String.init)
        for entry in agreements.all {
            entry.state.withLock { state in
                if let (from, digest, to) = renaming {
                    let seen = state.agreement.hosts.lazy.filter { $0.platform == from }.compactMap(\.seen)
                    let serial = seen.first { $0.digest == digest }?.serial
                    state.agreement.follow(from, serial: serial ?? 0, to: to)
                }
                review(ids, &state, of: entry, .atOnce(command.circumstances.now))
            }
        }
    }
}

extension Route {
    /// Whether what it does to an agreement depends on platforms.
    fileprivate var looksAtPlatforms: Bool { id == "createAgreement" || id == "addHost" }
}

extension Ledger {
    /// The agreement of an id, which the transaction has to itself, as it is in the store.
    func agreement(
        _ id: String, _ transaction: Transaction, _ service: Service
    ) throws(Problem) -> AgreementEntry {
        let name = StoredName(.agreement, id)
        do throws(StorageFailure) {
            for _ in 0..<Self.attemptsMax {
                guard let entry = try? service.agreements.entry(id) else {
                    if storage.isShared, bringIn(agreement: name, service) { continue }
                    break
                }
                let isMine = transaction.enter(entry.gate)
                if try isInStep(entry, name, service) { return entry }
                if isMine { transaction.leave(entry.gate) }
            }
        } catch {
            throw Problem(error)
        }
        do {
            return try service.agreements.entry(id)
        } catch {
            throw Service.problem(agreement: error, id)
        }
    }

    /// Brings a copy in step; false where it is over. Under its gate.
    func isInStep(
        _ entry: AgreementEntry, _ name: StoredName, _ service: Service
    ) throws(StorageFailure) -> Bool {
        let (isGone, copy) = entry.state.withLock { ($0.isGone, $0.copy) }
        guard !isGone, let copy else { return !isGone }
        switch try missing(name, of: copy) {
        case .nothing: return true
        case .gone: break
        case .rows(let entity):
            if entity.head.life == copy.head.life, try follow(entry, entity, service) { return true }
        }
        if service.agreements.remove(entry) { service.agreements.bury(removed: entry) }
        return false
    }

    private func follow(
        _ entry: AgreementEntry, _ entity: StoredEntity, _ service: Service
    ) throws(StorageFailure) -> Bool {
        let made: ReplayedAgreement
        do {
            made = try replayed(entity, base: entity.snapshot == nil ? entry : nil, service)
        } catch {
            switch error {
            case .storage(let failure): throw failure
            case .unreadable:
                noteUnreadable(entity.name)
                return false
            }
        }
        entry.state.withLock { state in
            _ = service.agreements.takeRoom(made.basis.weight)
            service.agreements.giveBack(state.weight)
            state.weight = made.basis.weight
            state.agreement = made.agreement
            state.copy = made.copy
            service.agreements.settle(&state, of: entry)
        }
        _ = service.agreements.renewed(entry, expiresAt: made.agreement.expiresAt)
        entry.channel.goOn(with: made.events)
        return true
    }

    /// Makes the copy of an agreement that is in the store only; false where there is none.
    @discardableResult
    func bringIn(agreement name: StoredName, _ service: Service) -> Bool {
        guard let entity = try? storage.entity(name, after: nil) else { return false }
        return (try? adopt(agreement: entity, service)) ?? false
    }

    /// An agreement from the store as a copy of this process.
    func adopt(agreement entity: StoredEntity, _ service: Service) throws(ReplayFault) -> Bool {
        let made = try replayed(entity, base: nil, service)
        do throws(ExpiringRefusal) {
            _ = try service.agreements.add(made.agreement, made.basis) { entry, state in
                state.copy = made.copy
                service.agreements.settle(&state, of: entry)
                for group in made.events { entry.channel.publish(group.events, id: group.id) }
            }
            return true
        } catch .exists {
            return true
        } catch {
            return false
        }
    }

    private struct ReplayedAgreement {
        let agreement: Agreement
        let basis: AgreementEntry.Basis
        let copy: StoredCopy
        let events: [(id: UInt64, events: [AgreementEvent])]
    }

    /// The agreement that the rows of an entity lead to.
    ///
    /// - Parameter base: what the rows follow; nil where the entity has a snapshot.
    private func replayed(
        _ entity: StoredEntity, base: AgreementEntry?, _ service: Service
    ) throws(ReplayFault) -> ReplayedAgreement {
        try replaying.withLock { () throws(ReplayFault) in
            defer { scratch.clear() }
            if let snapshot = entity.snapshot {
                try run(snapshot.bytes, in: service.platforms)
            } else if let base {
                let (agreement, weight) = base.state.withLock { ($0.agreement, $0.weight) }
                let basis = AgreementEntry.Basis(
                    stated: base.stated, placed: base.placed, weight: weight, owner: base.owner,
                    client: base.client, lastID: agreement.revision)
                _ = try? scratch.agreements.add(agreement, basis) { _, _ in }
            }
            for row in entity.log { try run(row.bytes, in: service.platforms) }
            guard let entry = try? scratch.agreements.entry(entity.name.id) else {
                throw .unreadable("its first row makes no agreement")
            }
            let (agreement, weight) = entry.state.withLock { ($0.agreement, $0.weight) }
            guard agreement.revision == entity.head.revision else {
                throw .unreadable(
                    "its rows lead to revision \(agreement.revision), not \(entity.head.revision)")
            }
            let events = entry.channel.groups
            return ReplayedAgreement(
                agreement: agreement,
                basis: .init(
                    stated: entry.stated, placed: entry.placed, weight: weight, owner: entry.owner,
                    client: entry.client, lastID: events.first.map { $0.id - 1 } ?? agreement.revision),
                copy: StoredCopy(head: entity.head, rows: entity.log.count), events: events)
        }
    }

    // MARK: Changes

    /// Tells events once they are durable, and keeps the command that made them as a row.
    ///
    /// - Parameters:
    ///   - looksAt: platforms that the command asked for beside those of the hosts; nil where it asked for
    ///     none at all.
    func telling(
        _ transaction: Transaction, _ service: Service, looksAt: [String]?,
        _ command: @escaping @Sendable ([StoredCommand.Pin]) -> StoredCommand
    ) -> AgreementTelling {
        AgreementTelling(now: transaction.circumstances.now) { [self] entry, state, events in
            let id = state.agreement.revision
            transaction.after { entry.channel.publish(events, id: id) }
            guard !transaction.has(entry) else { return }
            transaction.otherwise { entry.state.withLock { $0.copy?.isStale = true } }
            transaction.add(entry) { [self] () throws(StorageFailure) in
                [try row(of: entry, service, looksAt: looksAt, transaction, command)]
            }
        }
    }

    private func row(
        of entry: AgreementEntry, _ service: Service, looksAt: [String]?, _ transaction: Transaction,
        _ command: ([StoredCommand.Pin]) -> StoredCommand
    ) throws(StorageFailure) -> StoredChange {
        let name = StoredName(.agreement, entry.id)
        return try entry.state.withLock { state throws(StorageFailure) in
            let agreement = state.agreement
            var pins: Pins = []
            if let looksAt { pins = try self.pins(of: agreement, looksAt, service.platforms) }
            let bytes = command(pins.map(\.pin)).bytes
            let holds = pins.map(\.blob)
            guard let after = state.copy?.head else {
                let head = StoredHead(
                    life: service.configuration.random(), revision: agreement.revision)
                state.copy = StoredCopy(head: head)
                transaction.makes(name, life: head.life)
                return .create(name, head, expiresAt: agreement.expiresAt, bytes, holds: holds)
            }
            state.copy?.head = StoredHead(life: after.life, revision: agreement.revision)
            state.copy?.rows += 1
            return .append(
                name, after: after, StoredRow(revision: agreement.revision, bytes: bytes),
                expiresAt: agreement.expiresAt, holds: holds)
        }
    }

    /// The platforms that decide how the hosts stand, as they were looked at; a conflict where one has
    /// changed since.
    private func pins(
        of agreement: Agreement, _ asked: [String], _ platforms: PlatformStore
    ) throws(StorageFailure) -> Pins {
        var ids = agreement.platforms.union(asked)
        if let pool = agreement.pool { ids.formUnion(platforms.members(ofPool: pool).map(\.id)) }
        var pins: Pins = []
        for id in ids.sorted() {
            let entry = platforms.entry(id)
            if agreement.state != .released {
                for host in agreement.hosts where host.platform == id {
                    guard host.seen?.serial == entry?.serial else { throw .conflict }
                }
            }
            if let entry, let pin = pin(entry) { pins.append(pin) }
        }
        return pins
    }

    /// The end of an agreement, once it is durable. Under its lock.
    func remove(
        _ entry: AgreementEntry, _ state: inout AgreementEntry.State, _ transaction: Transaction,
        _ service: Service
    ) {
        guard let head = state.copy?.head else { return }
        let name = StoredName(.agreement, entry.id)
        transaction.add(entry) { () throws(StorageFailure) in [.remove(name, after: head)] }
        transaction.otherwise { entry.state.withLock { $0.copy?.isStale = true } }
        transaction.after { [agreements = service.agreements] in
            if agreements.remove(entry) { agreements.bury(removed: entry) }
        }
    }

    // MARK: Platforms that change

    /// Looks at agreements again after platforms have changed; what came of it is durable when it returns, or
    /// is looked at again later.
    func review(
        _ entries: [AgreementEntry], _ ids: [String], _ renaming: (from: PlatformEntry, to: PlatformEntry)?,
        _ service: Service
    ) {
        guard !entries.isEmpty else { return }
        let entries = entries.sorted { $0.id < $1.id }
        for _ in 0..<Self.attemptsMax {
            let transaction = Transaction(
                Circumstances(now: storage.now(), random: 0, client: ""))
            let operation: StoredCommand.Operation =
                renaming.map { .renaming(from: $0.from.id, digest: $0.from.digest, to: $0.to.id) } ?? .review
            let telling = telling(transaction, service, looksAt: ids) { pins in
                StoredCommand(
                    operation: operation, target: Array(ids.joined(separator: ",").utf8),
                    circumstances: transaction.circumstances, pins: pins, body: [])
            }
            do throws(StorageFailure) {
                for entry in entries {
                    transaction.enter(entry.gate)
                    guard try isInStep(entry, StoredName(.agreement, entry.id), service) else { continue }
                    entry.state.withLock { service.review(ids, renaming, &$0, of: entry, telling) }
                }
                try transaction.commit(to: storage)
                return
            } catch .conflict {
                transaction.abandon()
                note { $0.conflicts += 1 }
            } catch {
                transaction.abandon()
                note { $0.failures += 1 }
                owesReview = true
                return
            }
        }
        owesReview = true
    }

    /// Looks at every agreement, for what was missed.
    func reviewAll(_ service: Service) {
        owesReview = false
        for entry in service.agreements.all {
            let (platforms, pool) = entry.state.withLock { ($0.agreement.platforms, $0.agreement.pool) }
            let members = pool.map { service.platforms.members(ofPool: $0).map(\.id) } ?? []
            review([entry], platforms.union(members).sorted(), nil, service)
        }
    }
}

extension Service {
    /// Forgets sessions and agreements.
    func clear() {
        for entry in sessions.page(after: nil, limit: .max).entries {
            sessions.remove(entry, isExpired: false, reason: "session_deleted")
        }
        for entry in agreements.all where agreements.remove(entry) { agreements.bury(removed: entry) }
    }
}
