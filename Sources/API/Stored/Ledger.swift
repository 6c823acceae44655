// What the service has in its store. Copies in memory answer; the ledger makes their changes durable, brings
// them up to date with what others have changed, and builds them again from their rows. Rows are run again by
// the handlers that answered them first, in a service of its own that nobody can reach, whose platforms are
// those that the row names.

import HTTP
import Locking
import Storage

final class Ledger: Sendable {
    /// A platform in the store.
    struct Platform: Sendable {
        var head: StoredHead
        var blob: String
        let serial: UInt64
    }

    struct Pinned: Hashable {
        let id: String
        let blob: String
    }

    private struct State {
        /// Uploaded ones, by id.
        var platforms: [String: Platform] = [:]
        /// What offered ones were read from, by serial.
        var sources: [UInt64: StoredBlob] = [:]
        /// Platforms that rows name and that are no longer under their id, made from their blobs.
        var pinned: [Pinned: PlatformEntry] = [:]
        var counts = Counts()
        /// Entities that could not be built from their rows.
        var unreadable: Set<StoredName> = []
        /// Whether agreements may have missed a change of a platform.
        var owesReview = false
        /// Ids of platforms whose last change failed: nobody knows what became of it.
        var inDoubt: Set<String> = []
    }

    struct Counts: Sendable {
        var commits: UInt64 = 0
        var conflicts: UInt64 = 0
        var failures: UInt64 = 0
        /// Rows that were run again.
        var replayed: UInt64 = 0
    }

    let storage: any Storage
    /// Runs rows again. Its clock stands still, so that nothing ends in it.
    let scratch: Service
    /// Held by whoever runs rows.
    let replaying = Lock()
    /// Held by whoever changes platforms.
    let platformGate = HeldLock()
    private let state = Locked(State())

    /// How often a request is run again after others were faster.
    static let attemptsMax = 64
    private static let pinnedMax = 1_024

    init(_ storage: any Storage, _ configuration: Service.Configuration) {
        self.storage = storage
        var own = Service.Configuration(version: configuration.version)
        own.wallClock = { 0 }
        own.clock = { 0 }
        scratch = Service(own)
    }

    var counts: Counts { state.withLock { $0.counts } }
    var unreadable: Set<StoredName> { state.withLock { $0.unreadable } }

    func note(_ body: (inout Counts) -> Void) { state.withLock { body(&$0.counts) } }

    func noteUnreadable(_ name: StoredName) { state.withLock { _ = $0.unreadable.insert(name) } }

    var owesReview: Bool {
        get { state.withLock { $0.owesReview } }
        set { state.withLock { $0.owesReview = newValue } }
    }

    /// Whether these platforms must be looked up in the store before they are changed.
    func isToBeRead(_ ids: [String]) -> Bool {
        storage.isShared || state.withLock { !$0.inDoubt.isDisjoint(with: ids) }
    }

    func setInDoubt(_ ids: [String], _ isInDoubt: Bool) {
        state.withLock { state in
            if isInDoubt { state.inDoubt.formUnion(ids) } else { state.inDoubt.subtract(ids) }
        }
    }

    // MARK: Platforms as rows name them

    func platform(_ id: String) -> Platform? { state.withLock { $0.platforms[id] } }

    var platforms: [String: Platform] { state.withLock { $0.platforms } }

    /// nil where it is no longer stored.
    func set(_ id: String, _ platform: Platform?) { state.withLock { $0.platforms[id] = platform } }

    func setSource(of serial: UInt64, _ blob: StoredBlob) {
        state.withLock { state in
            state.sources = [:]
            state.sources[serial] = blob
        }
    }

    /// The pin of a platform that is there now; nil for a built-in one.
    func pin(_ entry: PlatformEntry) -> (pin: StoredCommand.Pin, blob: StoredBlob)? {
        let blob = state.withLock { state -> StoredBlob? in
            if let stored = state.platforms[entry.id], stored.serial == entry.serial {
                return StoredBlob(digest: stored.blob, bytes: nil)
            }
            return state.sources[entry.serial]
        }
        guard let blob else { return nil }
        return (StoredCommand.Pin(id: entry.id, blob: blob.digest, pool: entry.labels.pool), blob)
    }

    /// The platforms of a row: those that are here under their id still, or made from their blobs.
    func entries(
        of pins: [StoredCommand.Pin], in platforms: PlatformStore
    ) throws(StorageFailure) -> [PlatformEntry] {
        var entries: [PlatformEntry] = []
        for pin in pins {
            let key = Pinned(id: pin.id, blob: pin.blob)
            let known = state.withLock { state -> PlatformEntry? in
                if let stored = state.platforms[pin.id], stored.blob == pin.blob,
                    let entry = platforms.entry(pin.id), entry.serial == stored.serial
                {
                    return entry
                }
                return state.pinned[key]
            }
            var found = known
            if found == nil { found = try made(key) }
            guard let entry = found else { continue }
            let labels = pin.pool.map { PlatformLabels(pool: $0) } ?? PlatformLabels()
            entries.append(entry.labelled(labels))
        }
        return entries
    }

    private func made(_ key: Pinned) throws(StorageFailure) -> PlatformEntry? {
        guard let bytes = try storage.blob(key.blob), let source = PlatformSource(bytes),
            let platform = scratch.platform(of: source)
        else { return nil }
        let entry = scratch.entry(key.id, platform, source, owner: nil, client: "", expiresAt: nil)
        state.withLock { state in
            if state.pinned.count >= Self.pinnedMax { state.pinned = [:] }
            state.pinned[key] = entry
        }
        return entry
    }
}

extension Problem {
    /// Nothing was changed.
    init(_ failure: StorageFailure) {
        switch failure {
        case .conflict:
            self.init(
                .busy, "Others change this at the same time, again and again; send the request once more.",
                retryAfterSeconds: 1)
        case .unavailable(let why):
            self.init(
                .storeUnavailable, "The store cannot be used: \(why).",
                retryAfterSeconds: Ledger.retryAfterSeconds)
        }
    }
}

extension Ledger {
    static let retryAfterSeconds = 2

    /// Answers a request on what is stored: again, where others were faster.
    func answer(
        _ context: RequestContext, _ service: Service, _ handler: (RequestContext) -> Response
    ) -> Response {
        for _ in 0..<Self.attemptsMax {
            let transaction = Transaction(
                Circumstances(
                    now: storage.now(), random: service.configuration.random(), client: context.client))
            var context = context
            context.transaction = transaction
            let response = handler(context)
            do throws(StorageFailure) {
                let isChange = !transaction.isEmpty
                try transaction.commit(to: storage)
                if isChange { note { $0.commits += 1 } }
                return response
            } catch .conflict {
                note { $0.conflicts += 1 }
                if context.work.isCancelled { break }
            } catch {
                note { $0.failures += 1 }
                return service.render(Problem(error), context.head, context.requestID)
            }
        }
        return service.render(Problem(StorageFailure.conflict), context.head, context.requestID)
    }
}
