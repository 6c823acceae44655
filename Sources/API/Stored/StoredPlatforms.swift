// Platforms in the store: the bytes that were uploaded, under their digest, and a row that says whose they
// are and how they are labelled. A copy is made by reading the bytes again.

import Digests
import HTTP
import JSON
import Locking
import Machines
import Storage

/// What a platform is read from: the body of its upload, and what the request said of the reading.
struct PlatformSource: Sendable {
    /// Query parameters that decide what is read, in the order of `names`.
    let reading: [String?]
    let mediaType: String?
    let body: [UInt8]

    private static let names = ["preserve_config", "assume"]

    init(_ context: RequestContext) {
        reading = Self.names.map { context.parameter($0) }
        mediaType = context.head.headers["Content-Type"]
        body = context.request.body
    }

    /// Of what whoever runs the server offers.
    init(offered body: [UInt8]) {
        reading = Self.names.map { _ in nil }
        mediaType = MediaType.octetStream
        self.body = body
    }

    /// nil for bytes that this version did not write.
    init?(_ bytes: [UInt8]) {
        guard let end = bytes.firstIndex(of: 0x0a), let line = StoredLine(bytes[..<end]), line.version == 1
        else { return nil }
        reading = Self.names.map { line.text($0) }
        mediaType = line.text("type")
        body = Array(bytes[(end + 1)...])
    }

    private var bytes: [UInt8] {
        var writer = JSONWriter(reservingBytes: 128 + body.count)
        writer.object { writer in
            writer.member("v", 1)
            for (name, value) in zip(Self.names, reading) {
                if let value { writer.member(text: name, value) }
            }
            if let mediaType { writer.member("type", mediaType) }
        }
        return writer.bytes + [0x0a] + body
    }

    var blob: StoredBlob {
        let bytes = bytes
        return StoredBlob(digest: SHA256.hex(bytes), bytes: bytes)
    }

    /// The request that uploads it.
    fileprivate var upload: RequestContext? {
        let query = zip(Self.names, reading).compactMap { name, value in
            value.map { "\(name)=\(RequestTarget.encoded($0))" }
        }
        let target = "/v1/platforms" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        let command = StoredCommand(
            operation: .request(.post), target: Array(target.utf8), mediaType: mediaType,
            circumstances: Circumstances(now: 0, random: 0, client: ""), body: body)
        return RequestContext(replaying: command, .post)
    }
}

/// The row of a platform.
private struct PlatformRow {
    let blob: String
    let labels: PlatformLabels
    let owner: String?
    let client: String
    let expiresAt: UInt64?

    init(_ entry: PlatformEntry, blob: String) {
        self.blob = blob
        labels = entry.labels
        owner = entry.owner
        client = entry.client
        expiresAt = entry.expiresAt
    }

    init?(_ bytes: [UInt8]) {
        guard let line = StoredLine(bytes), line.version == 1, let blob = line.text("blob"),
            let client = line.text("client")
        else { return nil }
        self.blob = blob
        self.client = client
        labels = PlatformLabels(kept: line.texts("labels"))
        owner = line.text("owner")
        expiresAt = line.number("expires_at")
    }

    var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("v", 1)
            writer.member("blob", blob)
            writer.labels(labels)
            if let owner { writer.member("owner", owner) }
            writer.member("client", client)
            if let expiresAt { writer.member("expires_at", hex: expiresAt) }
        }
        return writer.bytes
    }
}

extension Service {
    /// What the source describes; nil where this version reads nothing from it.
    func platform(of source: PlatformSource) -> Platform? {
        source.upload.flatMap { try? ingest($0) }
    }

    /// Runs a change of a platform: at once, or where there is a store, once it is durable. Agreements
    /// follow.
    ///
    /// - Parameters:
    ///   - id: under which the platform is afterwards.
    ///   - from: the id that it has before, where it gets another.
    ///   - body: checks the change or makes it; the platform as it is then, and whether it is new under its
    ///     id.
    func change(
        _ context: RequestContext, _ id: String, _ keeping: PlatformStore.Keeping, from: String? = nil,
        _ body: (PlatformStore.Keeping) throws(Problem) -> (entry: PlatformEntry?, isNew: Bool)
    ) throws(Problem) -> (entry: PlatformEntry?, isNew: Bool) {
        guard let ledger, let transaction = context.transaction, keeping == .keeps else {
            let made = try body(keeping)
            if keeping == .keeps { followPlatforms() }
            return made
        }
        transaction.enter(ledger.platformGate)
        let before = from == id ? nil : from
        let ids = [id] + (before.map { [$0] } ?? [])
        do throws(StorageFailure) {
            if ledger.isToBeRead(ids) {
                try ledger.bringInStep(ids, self)
                ledger.setInDoubt(ids, false)
            }
        } catch {
            throw Problem(error)
        }
        let made = try body(.checks)
        if from == id { return made }
        transaction.otherwise { ledger.setInDoubt(ids, true) }
        // The bytes of an upload are in the request; of a change of labels or id they are in the store.
        let source = context.plan.route.reads.contains { $0.mediaType == MediaType.multipart }
        ledger.change(
            id, before, made, source ? PlatformSource(context).blob : nil, transaction, self)
        return made
    }
}

extension Ledger {
    fileprivate func change(
        _ id: String, _ before: String?, _ made: (entry: PlatformEntry?, isNew: Bool), _ source: StoredBlob?,
        _ transaction: Transaction, _ service: Service
    ) {
        let old = platform(before ?? id)
        let name = StoredName(.platform, id)
        guard let entry = made.entry else {
            transaction.add(self) { () throws(StorageFailure) in
                guard let old else { throw .conflict }
                return [.remove(name, after: old.head)]
            }
            transaction.after { [self] in
                set(id, nil)
                service.platforms.adopt(id, nil)
                service.followPlatforms()
            }
            return
        }
        guard let blob = source ?? old.map({ StoredBlob(digest: $0.blob, bytes: nil) }) else {
            preconditionFailure("platform \(id) is not in the store")
        }
        let isNew = made.isNew || old == nil
        let head = StoredHead(
            life: isNew ? service.configuration.random() : old?.head.life ?? 0,
            revision: isNew ? 1 : (old?.head.revision ?? 0) + 1)
        let bytes = PlatformRow(entry, blob: blob.digest).bytes
        transaction.makes(name, life: head.life)
        transaction.add(self) { () throws(StorageFailure) in
            guard !isNew, let old else {
                // In this order: what the old one holds must be held when it goes.
                let create = StoredChange.create(
                    name, head, expiresAt: entry.expiresAt, bytes, holds: [blob])
                guard let before else { return [create] }
                guard let old else { throw .conflict }
                return [create, .remove(StoredName(.platform, before), after: old.head)]
            }
            return [
                .replace(
                    name, after: old.head, head, expiresAt: entry.expiresAt, bytes, holds: [blob])
            ]
        }
        transaction.after { [self] in
            if let before { set(before, nil) }
            set(id, Platform(head: head, blob: blob.digest, serial: entry.serial))
            service.platforms.adopt(id, entry, renamed: before)
            service.followPlatforms()
        }
    }

    /// Takes over what others have stored under these ids. Under the gate of the platforms; agreements are
    /// not followed yet.
    func bringInStep(_ ids: [String], _ service: Service) throws(StorageFailure) {
        var gone: [(id: String, blob: String)] = []
        var come: [(id: String, entry: PlatformEntry)] = []
        for id in Set(ids).sorted() {
            let known = platform(id)
            let head = try storage.head(StoredName(.platform, id))
            guard head != known?.head else { continue }
            if let head, let entry = try read(id, head, service) {
                come.append((id, entry))
            } else if let known {
                set(id, nil)
                gone.append((id, known.blob))
            }
        }
        for (id, entry) in come {
            // What goes where the same bytes come has got another id.
            let before = gone.firstIndex { $0.blob == platform(id)?.blob }.map { gone.remove(at: $0).id }
            service.platforms.adopt(id, entry, renamed: before)
        }
        for (id, _) in gone { service.platforms.adopt(id, nil) }
    }

    /// The platform of an id, made from what is stored; nil where that cannot be read.
    func read(
        _ id: String, _ head: StoredHead, _ service: Service
    ) throws(StorageFailure) -> PlatformEntry? {
        let name = StoredName(.platform, id)
        guard let entity = try storage.entity(name, after: nil), let snapshot = entity.snapshot,
            let row = PlatformRow(snapshot.bytes)
        else { return nil }
        let known = platform(id)
        if let known, known.blob == row.blob, let entry = service.platforms.entry(id),
            entry.serial == known.serial, entry.owner == row.owner, entry.expiresAt == row.expiresAt
        {
            // Other labels: the machine is the same.
            set(id, Platform(head: entity.head, blob: row.blob, serial: entry.serial))
            return entry.labelled(row.labels)
        }
        guard let bytes = try storage.blob(row.blob), let source = PlatformSource(bytes),
            let platform = scratch.platform(of: source)
        else {
            noteUnreadable(name)
            return nil
        }
        let entry = service.entry(
            id, platform, source, owner: row.owner, client: row.client, expiresAt: row.expiresAt
        ).labelled(row.labels)
        set(id, Platform(head: entity.head, blob: row.blob, serial: entry.serial))
        return entry
    }
}
