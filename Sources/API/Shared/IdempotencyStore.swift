// Which Idempotency-Keys were used, and what was answered to them: kept for a time, and bounded for each
// client and for all. The store knows nothing of requests or of what they act on. A claim has a number, so
// that a late answer touches no later claim of the same key.

import HTTP
import Locking

/// Keys and what was answered to them. A key whose request is still being answered stays: there are no more
/// of those than requests.
final class IdempotencyStore: Sendable {
    /// An answer, and why it is kept.
    struct Kept: Sendable {
        let fingerprint: String
        let answer: Response
        let life: KeyLife
        /// Whose it is: each client's are counted.
        let client: String
        /// Milliseconds since 1970.
        let since: UInt64
        /// Where there is a store: the life in it of what it acted on.
        var storedLife: UInt64?
    }

    enum Claim {
        /// Go on, then call `store` or `release` with the number.
        case first(number: UInt64)
        case kept(number: UInt64, Kept)
        /// The first request with this key is still being answered.
        case inFlight(isSame: Bool)
    }

    private let state = Locked(KeyTable())

    func claim(_ key: String, fingerprint: String, now: UInt64) -> Claim {
        state.withLock { table in
            table.evict(now)
            return table.claim(key, fingerprint)
        }
    }

    /// Whether the key is claimed, or has an answer.
    func has(_ key: String) -> Bool { state.withLock { $0.has(key) } }

    /// Takes over an answer that is stored, unless the key has one.
    func adopt(_ key: String, _ kept: Kept) {
        state.withLock { table in
            guard !table.has(key), case .first(let number) = table.claim(key, kept.fingerprint) else {
                return
            }
            table.keep(KeyMark(key: key, number: number), kept)
        }
    }

    /// Keeps the answer to a claimed key.
    func store(_ key: String, _ number: UInt64, _ kept: Kept) {
        state.withLock { table in
            table.keep(KeyMark(key: key, number: number), kept)
            table.evict(kept.since)
        }
    }

    /// Drops what is older than is kept, also where no request comes with a key.
    func expire(now: UInt64) { state.withLock { $0.evict(now) } }

    /// Bytes of the bodies that are kept.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Answers that are kept, and their bytes.
    var figures: (count: Int, bytes: Int) { state.withLock { ($0.keptCount, $0.bytes) } }

    /// Gives a claimed key back, so that the request can be repeated or corrected.
    func release(_ key: String, _ number: UInt64) {
        state.withLock { $0.release(KeyMark(key: key, number: number)) }
    }

    /// Drops an answer whose life has ended.
    func forget(_ key: String, _ number: UInt64) {
        state.withLock { $0.drop(KeyMark(key: key, number: number)) }
    }
}

/// A claim of a key; the number distinguishes it from a later one.
private struct KeyMark: Hashable {
    let key: String
    let number: UInt64
}

/// Marks by age. Those whose answer is gone are skipped by whoever takes them.
private typealias KeyQueue = ArraySlice<KeyMark>

private struct KeyTable {
    private enum Use {
        case inFlight(fingerprint: String)
        case kept(IdempotencyStore.Kept)
    }

    private struct Client {
        var queue: KeyQueue = []
        var count = 0
    }

    private var uses: [String: (number: UInt64, use: Use)] = [:]
    private var nextNumber: UInt64 = 0
    /// Of all clients, with the number of kept answers.
    private var all = Client()
    private(set) var bytes = 0
    var keptCount: Int { all.count }
    private var clients: [String: Client] = [:]

    func has(_ key: String) -> Bool { uses[key] != nil }

    mutating func claim(_ key: String, _ fingerprint: String) -> IdempotencyStore.Claim {
        guard let (number, use) = uses[key] else {
            nextNumber += 1
            uses[key] = (nextNumber, .inFlight(fingerprint: fingerprint))
            return .first(number: nextNumber)
        }
        switch use {
        case .kept(let kept): return .kept(number: number, kept)
        case .inFlight(let first): return .inFlight(isSame: first == fingerprint)
        }
    }

    private func isInFlight(_ mark: KeyMark) -> Bool {
        guard let (number, use) = uses[mark.key], number == mark.number else { return false }
        return if case .inFlight = use { true } else { false }
    }

    private func kept(_ mark: KeyMark) -> IdempotencyStore.Kept? {
        guard let (number, use) = uses[mark.key], number == mark.number else { return nil }
        return if case .kept(let kept) = use { kept } else { nil }
    }

    mutating func release(_ mark: KeyMark) {
        if isInFlight(mark) { uses[mark.key] = nil }
    }

    mutating func keep(_ mark: KeyMark, _ kept: IdempotencyStore.Kept) {
        guard isInFlight(mark) else { return }
        uses[mark.key] = (mark.number, .kept(kept))
        bytes += kept.answer.body.count
        all.count += 1
        all.queue.append(mark)
        var client = clients.removeValue(forKey: kept.client) ?? Client()
        client.count += 1
        client.queue.append(mark)
        if client.queue.count > 2 * Limits.idempotencyKeysPerClientMax {
            client.queue = live(client.queue)
        }
        clients[kept.client] = client
        while clients[kept.client, default: client].count > Limits.idempotencyKeysPerClientMax,
            let oldest = clients[kept.client]?.queue.popFirst()
        {
            drop(oldest)
        }
        if all.queue.count > 2 * Limits.idempotencyKeysMax { all.queue = live(all.queue) }
    }

    /// Those whose answer is there. Answers go with what they acted on as well, from the middle of a queue.
    private func live(_ queue: KeyQueue) -> KeyQueue { queue.filter { kept($0) != nil }[...] }

    /// Drops an answer, if it is there.
    mutating func drop(_ mark: KeyMark) {
        guard let kept = kept(mark) else { return }
        uses[mark.key] = nil
        bytes -= kept.answer.body.count
        all.count -= 1
        clients[kept.client]?.count -= 1
        if clients[kept.client]?.count == 0 { clients[kept.client] = nil }
    }

    /// Those whose time is over, and the oldest until the bounds of all hold. Amortised O(1).
    mutating func evict(_ now: UInt64) {
        while let oldest = all.queue.first {
            if let kept = kept(oldest) {
                let isOver = kept.since + UInt64(Limits.idempotencyKeySeconds) * 1_000 <= now
                let isFull =
                    all.count > Limits.idempotencyKeysMax || bytes > Limits.idempotencyBytesTotalMax
                guard isOver || isFull else { return }
                drop(oldest)
            }
            _ = all.queue.popFirst()
        }
    }
}
