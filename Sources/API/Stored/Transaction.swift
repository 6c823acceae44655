// One request on what is stored. What it touches it has to itself until its changes are durable: nobody reads
// what may yet be taken back. Handlers change the copies in memory and say so here; what others may see of it
// (events, a platform under its id, the answer to a key) waits until the commit.

import Locking
import Storage

/// Changes that are committed together, by the thread that made them.
final class Transaction: Sendable {
    private struct State {
        var gates: [HeldLock] = []
        /// What has changed, by what it is.
        var parts: [(key: ObjectIdentifier, changes: @Sendable () throws(StorageFailure) -> [StoredChange])] =
            []
        var effects: [@Sendable () -> Void] = []
        var retreats: [@Sendable () -> Void] = []
        /// Of entities that it makes.
        var lives: [StoredName: UInt64] = [:]
    }

    let circumstances: Circumstances
    private let state = Locked(State())

    init(_ circumstances: Circumstances) { self.circumstances = circumstances }

    /// Waits until what is behind the gate is this request's alone. Once for each gate.
    ///
    /// - Returns: false where it was that already.
    @discardableResult
    func enter(_ gate: HeldLock) -> Bool {
        guard !state.withLock({ $0.gates.contains { $0 === gate } }) else { return false }
        gate.enter()
        state.withLock { $0.gates.append(gate) }
        return true
    }

    /// Gives a gate back before the end: nothing behind it was changed.
    func leave(_ gate: HeldLock) {
        state.withLock { $0.gates.removeAll { $0 === gate } }
        gate.leave()
    }

    /// Takes part in the commit. Of one object the first part counts.
    func add(
        _ object: AnyObject, _ changes: @escaping @Sendable () throws(StorageFailure) -> [StoredChange]
    ) {
        let key = ObjectIdentifier(object)
        state.withLock { state in
            if !state.parts.contains(where: { $0.key == key }) { state.parts.append((key, changes)) }
        }
    }

    func has(_ object: AnyObject) -> Bool {
        state.withLock { $0.parts.contains { $0.key == ObjectIdentifier(object) } }
    }

    /// The entity of this name has this life once the changes are durable.
    func makes(_ name: StoredName, life: UInt64) { state.withLock { $0.lives[name] = life } }

    func life(of name: StoredName) -> UInt64? { state.withLock { $0.lives[name] } }

    /// Once the changes are durable, in this order, before anybody else is let in.
    func after(_ effect: @escaping @Sendable () -> Void) { state.withLock { $0.effects.append(effect) } }

    /// Where they do not become durable.
    func otherwise(_ retreat: @escaping @Sendable () -> Void) {
        state.withLock { $0.retreats.append(retreat) }
    }

    var isEmpty: Bool { state.withLock { $0.parts.isEmpty } }

    /// Makes the changes durable and lets others see them, or takes all back.
    func commit(to storage: any Storage) throws(StorageFailure) {
        let (parts, effects, retreats) = state.withLock { ($0.parts, $0.effects, $0.retreats) }
        defer { end() }
        do throws(StorageFailure) {
            var changes: [StoredChange] = []
            for part in parts { changes += try part.changes() }
            if !changes.isEmpty { try storage.commit(changes) }
        } catch {
            for retreat in retreats.reversed() { retreat() }
            throw error
        }
        for effect in effects { effect() }
    }

    /// Takes all back.
    func abandon() {
        let retreats = state.withLock { $0.retreats }
        for retreat in retreats.reversed() { retreat() }
        end()
    }

    private func end() {
        let gates = state.withLock { state in
            defer { state = State() }
            return state.gates
        }
        for gate in gates { gate.leave() }
    }
}
