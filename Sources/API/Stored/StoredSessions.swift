// Sessions in the store: the log is the session. A verb is a row; once in a while the exported state takes
// the place of the rows before it.

import AddressSpaces
import HTTP
import JSON
import Locking
import Sandboxes
import Storage

extension Service {
    /// A verb has changed a session, under its lock: its events are told at once, or once they are durable.
    func changed(
        _ entry: SessionEntry, _ state: inout SessionEntry.State, _ events: [SessionEvent],
        _ context: RequestContext
    ) {
        let id = state.session.revision
        guard let ledger, let transaction = context.transaction else {
            entry.channel.publish(events, id: id)
            return
        }
        transaction.after { entry.channel.publish(events, id: id) }
        ledger.append(entry, context, transaction, self)
    }

    /// Puts a session in that a request makes.
    func add(_ session: Session, _ context: RequestContext) throws(ExpiringRefusal) -> SessionEntry {
        let owner = context.caller.name
        guard let ledger, let transaction = context.transaction else {
            return try sessions.add(session, owner: owner, client: context.client)
        }
        let name = StoredName(.session, session.id)
        if ledger.storage.isShared { ledger.bringIn(name, self) }
        let entry = try sessions.add(session, owner: owner, client: context.client) { entry in
            transaction.enter(entry.gate)
        }
        let life = configuration.random()
        transaction.makes(name, life: life)
        transaction.otherwise { [sessions] in
            sessions.remove(entry, isExpired: false, reason: "session_deleted")
        }
        transaction.add(entry) { [self] () throws(StorageFailure) in
            let (head, expiresAt, pins) = try entry.state.withLock {
                state throws(StorageFailure) -> (StoredHead, UInt64, Ledger.Pins) in
                let head = StoredHead(life: life, revision: state.session.revision)
                state.copy = StoredCopy(head: head)
                return (head, state.session.expiresAt, try ledger.pins(of: &state, platforms))
            }
            return [
                .create(
                    name, head, expiresAt: expiresAt, context.command(pins: pins.map(\.pin)).bytes,
                    holds: pins.map(\.blob))
            ]
        }
        return entry
    }
}

extension Ledger {
    /// Platforms that a row names, with what holds them.
    typealias Pins = [(pin: StoredCommand.Pin, blob: StoredBlob)]

    /// Rows of a session after which its state takes their place, unless it is larger than they are.
    static let rowsPerSnapshot = 256

    /// The session of an id, which the transaction has to itself, as it is in the store.
    func session(
        _ id: String, _ transaction: Transaction, _ service: Service
    ) throws(Problem) -> SessionEntry {
        let name = StoredName(.session, id)
        do throws(StorageFailure) {
            for _ in 0..<Self.attemptsMax {
                guard let entry = try? service.sessions.entry(id) else {
                    if storage.isShared, bringIn(name, service) { continue }
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
            return try service.sessions.entry(id)
        } catch {
            throw Service.problem(error, id)
        }
    }

    /// Brings a copy in step; false where it is over. Under its gate.
    private func isInStep(
        _ entry: SessionEntry, _ name: StoredName, _ service: Service
    ) throws(StorageFailure) -> Bool {
        let (isGone, copy) = entry.state.withLock { ($0.isGone, $0.copy) }
        guard !isGone, let copy else { return !isGone }
        switch try missing(name, of: copy) {
        case .nothing: return true
        case .gone: break
        case .rows(let entity):
            if entity.head.life == copy.head.life, try follow(entry, entity, service) { return true }
        }
        service.sessions.remove(entry, isExpired: false, reason: "session_deleted")
        return false
    }

    /// Runs what is missing on a copy. Under its gate.
    private func follow(
        _ entry: SessionEntry, _ entity: StoredEntity, _ service: Service
    ) throws(StorageFailure) -> Bool {
        // A copy until the rows have run: lists show what was there before.
        let base = entry.state.withLock { entity.snapshot == nil ? $0.session : nil }
        let made: ReplayedSession
        do {
            made = try replayed(entity, base: base, service)
        } catch {
            switch error {
            case .storage(let failure): throw failure
            case .unreadable:
                noteUnreadable(entity.name)
                return false
            }
        }
        let difference = entry.state.withLock { state in
            state.session = made.session
            let before = state.weight
            state.weight = made.session.weight
            let kept = state.copy?.machines ?? []
            state.copy = made.copy
            state.copy?.machines.formUnion(kept)
            return state.weight - before
        }
        service.sessions.count(difference)
        _ = service.sessions.renewed(entry, expiresAt: made.session.expiresAt)
        entry.channel.goOn(with: made.events)
        return true
    }

    /// Makes the copy of a session that is in the store only; false where there is none.
    @discardableResult
    func bringIn(_ name: StoredName, _ service: Service) -> Bool {
        guard let entity = try? storage.entity(name, after: nil) else { return false }
        return (try? adopt(session: entity, service)) ?? false
    }

    /// A session from the store as a copy of this process.
    func adopt(session entity: StoredEntity, _ service: Service) throws(ReplayFault) -> Bool {
        let made = try replayed(entity, base: nil, service)
        let firstID = made.events.first.map { $0.id - 1 } ?? made.session.revision
        do throws(ExpiringRefusal) {
            let entry = try service.sessions.add(
                made.session, owner: made.owner, client: made.client, lastID: firstID
            ) { entry in
                entry.state.withLock { $0.copy = made.copy }
                for group in made.events { entry.channel.publish(group.events, id: group.id) }
            }
            _ = entry
            return true
        } catch .exists {
            return true
        } catch {
            return false
        }
    }

    struct ReplayedSession {
        let session: Session
        let copy: StoredCopy
        let events: [(id: UInt64, events: [SessionEvent])]
        let owner: String?
        let client: String
    }

    /// The session that the rows of an entity lead to.
    ///
    /// - Parameter base: what the rows follow; nil where the entity has a snapshot.
    private func replayed(
        _ entity: StoredEntity, base: Session?, _ service: Service
    ) throws(ReplayFault) -> ReplayedSession {
        try replaying.withLock { () throws(ReplayFault) in
            defer { scratch.clear() }
            let id = entity.name.id
            if let snapshot = entity.snapshot {
                try run(snapshot.bytes, in: service.platforms)
                if let life = StoredCommand(snapshot.bytes)?.life { restore(life, of: id) }
            } else if let base {
                _ = try? scratch.sessions.add(base, client: "")
            }
            for row in entity.log { try run(row.bytes, in: service.platforms) }
            guard let entry = try? scratch.sessions.entry(id) else {
                throw .unreadable("its first row makes no session")
            }
            let session = entry.state.withLock { $0.session }
            guard session.revision == entity.head.revision else {
                throw .unreadable(
                    "its rows lead to revision \(session.revision), not \(entity.head.revision)")
            }
            var copy = StoredCopy(head: entity.head, rows: entity.log.count)
            copy.machines = Set(session.domains.flatMap { $0.devices.compactMap(\.machine) })
            return ReplayedSession(
                session: session, copy: copy, events: entry.channel.groups, owner: entry.owner,
                client: entry.client)
        }
    }

    /// What an imported state does not say.
    private func restore(_ life: StoredCommand.Life, of id: String) {
        guard let entry = try? scratch.sessions.entry(id) else { return }
        entry.state.withLock { state in
            state.session.expiresAt = life.expiresAt
            guard life.births.count == state.session.domains.count else { return }
            for (place, birth) in life.births.enumerated() { state.session.domains[place].birth = birth }
        }
    }

    // MARK: Changes

    /// A row for the change that the request makes of the session.
    fileprivate func append(
        _ entry: SessionEntry, _ context: RequestContext, _ transaction: Transaction, _ service: Service
    ) {
        let name = StoredName(.session, entry.id)
        guard !transaction.has(entry) else { return }
        transaction.otherwise { entry.state.withLock { $0.copy?.isStale = true } }
        transaction.add(entry) { [self] () throws(StorageFailure) in
            let (after, head, expiresAt, pins) = try entry.state.withLock {
                state throws(StorageFailure) -> (StoredHead, StoredHead, UInt64, Pins) in
                guard let after = state.copy?.head else {
                    preconditionFailure("session \(entry.id) is not in the store")
                }
                let head = StoredHead(life: after.life, revision: state.session.revision)
                let pins: Pins =
                    context.plan.route.namesPlatforms ? try self.pins(of: &state, service.platforms) : Pins()
                state.copy?.head = head
                state.copy?.rows += 1
                return (after, head, state.session.expiresAt, pins)
            }
            let command = context.command(pins: pins.map(\.pin))
            return [
                .append(
                    name, after: after, StoredRow(revision: head.revision, bytes: command.bytes),
                    expiresAt: expiresAt, holds: pins.map(\.blob))
            ]
        }
        transaction.after { [self] in compact(entry, name, service.platforms) }
    }

    /// The platforms of the session's devices, as far as they are there; what was attached by this request
    /// is.
    fileprivate func pins(
        of state: inout SessionEntry.State, _ platforms: PlatformStore
    ) throws(StorageFailure) -> Pins {
        var pins: Pins = []
        var seen: Set<UInt64> = []
        for device in state.session.domains.lazy.flatMap(\.devices) {
            guard let platform = device.platform, let machine = device.machine, seen.insert(machine).inserted
            else { continue }
            guard let entry = platforms.entry(platform), entry.serial == machine else {
                // Replaced since it was attached; or just now, and then the request is run once more.
                guard state.copy?.machines.contains(machine) == true else { throw .conflict }
                continue
            }
            state.copy?.machines.insert(machine)
            if let pin = pin(entry) { pins.append(pin) }
        }
        return pins
    }

    /// The end of a session, once it is durable.
    func remove(_ entry: SessionEntry, _ transaction: Transaction, _ service: Service) {
        let name = StoredName(.session, entry.id)
        guard let head = entry.state.withLock({ $0.copy?.head }) else { return }
        transaction.add(entry) { () throws(StorageFailure) in [.remove(name, after: head)] }
        transaction.otherwise { entry.state.withLock { $0.copy?.isStale = true } }
        transaction.after {
            service.sessions.remove(entry, isExpired: false, reason: "session_deleted")
        }
    }

    /// Has the state take the place of the rows before it, where they are many. That it fails changes
    /// nothing.
    private func compact(_ entry: SessionEntry, _ name: StoredName, _ platforms: PlatformStore) {
        let state = entry.state.withLock {
            state -> (SessionSnapshot, StoredHead, StoredCommand.Life, isLate: Bool)? in
            let limit = max(Self.rowsPerSnapshot, state.session.weight / 4)
            guard let copy = state.copy, copy.rows >= limit else { return nil }
            state.copy?.rows = 0
            let session = state.session
            let life = StoredCommand.Life(
                createdAt: session.createdAt, expiresAt: session.expiresAt,
                births: session.domains.map(\.birth))
            return (session.snapshot, copy.head, life, isLate: copy.rows >= 4 * limit)
        }
        guard let (snapshot, head, life, isLate) = state else { return }
        var pins: Pins = []
        for id in Set(snapshot.domains.flatMap { $0.devices.compactMap(\.platform) }).sorted() {
            if let entry = platforms.entry(id), let pin = pin(entry) { pins.append(pin) }
        }
        var command = StoredCommand(
            operation: .request(.post),
            target: Array("/v1/sessions?id=\(RequestTarget.encoded(entry.id))".utf8),
            mediaType: MediaType.json,
            circumstances: Circumstances(now: life.createdAt, random: 0, client: entry.client),
            owner: entry.owner, pins: pins.map(\.pin), body: StateText.whole(of: snapshot))
        command.life = life
        let made = StoredChange.snapshot(
            name, life: head.life, StoredRow(revision: head.revision, bytes: command.bytes),
            holds: pins.map(\.blob))
        // The one before, so that at least so many rows are left for whoever goes on after an event.
        let due = entry.state.withLock { state in
            // Where servers end before the next time, the rows still do not grow without end.
            let due = state.copy?.nextSnapshot ?? (isLate ? made : nil)
            state.copy?.nextSnapshot = due == made ? nil : made
            return due
        }
        if let due { try? storage.commit([due]) }
    }
}

extension Route {
    /// Whether what it does to a session depends on platforms.
    fileprivate var namesPlatforms: Bool { id == "createDomain" || id == "attachDevice" }
}

extension StateText {
    /// The compact form, all at once.
    static func whole(of snapshot: SessionSnapshot) -> [UInt8] {
        let lists = StateLists(.compact)
        var writer = JSONWriter()
        writer.object { $0.sessionState(snapshot, lists) }
        let text = StateText(writer.bytes, lists)
        var bytes: [UInt8] = []
        while case .bytes(let piece) = text.next() { bytes += piece }
        return bytes
    }
}

extension EventChannel {
    /// Adds events of a copy that was made again; those that are there already are the same.
    func goOn(with groups: [(id: UInt64, events: [Payload])]) {
        if let first = groups.first, first.id > lastID + 1 { lose(through: first.id - 1) }
        for group in groups where group.id > lastID { publish(group.events, id: group.id) }
    }

    /// What it remembers, the events of one id together.
    var groups: [(id: UInt64, events: [Payload])] {
        var groups: [(id: UInt64, events: [Payload])] = []
        for event in page(after: 0, limit: .max).events {
            if groups.last?.id == event.id {
                groups[groups.count - 1].events.append(event.payload)
            } else {
                groups.append((event.id, [event.payload]))
            }
        }
        return groups
    }
}
