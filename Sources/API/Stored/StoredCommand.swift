// One change of what is stored, as it is kept: the request that made it, with all that the request found
// beside itself (the time, a number by chance, the platforms that it named). Run again on what was there
// before, it has the same effect, since handlers and core depend on nothing else.

import HTTP
import JSON

/// What a request finds beside itself. Those that are kept find the same when they are run again.
struct Circumstances: Sendable {
    /// Milliseconds since 1970 in UTC.
    var now: UInt64
    /// For an id that the server chooses.
    var random: UInt64
    /// Whose the request counts as.
    var client: String
}

/// A change, as a row of the store has it.
struct StoredCommand: Sendable {
    /// What was done.
    enum Operation: Sendable, Hashable {
        /// A request of a client.
        case request(Method)
        /// Agreements were looked at again after platforms had changed.
        case review
        /// The same, after a platform got another id.
        case renaming(from: String, digest: String, to: String)
    }

    /// A platform that was there: its id, what it is read from, and its pool.
    struct Pin: Hashable, Sendable {
        let id: String
        /// Digest of a `PlatformSource`.
        let blob: String
        let pool: String?
    }

    var operation: Operation
    /// Of a request: path and query. Of a review: the ids of the platforms, with commas between them.
    var target: [UInt8]
    var mediaType: String?
    var circumstances: Circumstances
    /// The token that sent it, by its name.
    var owner: String?
    /// Uploaded and offered platforms; those that are built in are everywhere.
    var pins: [Pin] = []
    /// Of a snapshot: when the whole was made, and when it ends.
    var life: Life?
    var body: [UInt8]

    struct Life: Sendable, Hashable {
        let createdAt: UInt64
        let expiresAt: UInt64
        /// Of the domains, in their order: the revision at which each was made.
        var births: [UInt64] = []
    }
}

extension StoredCommand {
    private static let version = 1

    /// One line of JSON, then the body as it came.
    var bytes: [UInt8] {
        var writer = JSONWriter(reservingBytes: 256 + body.count)
        writer.object { writer in
            writer.member("v", Self.version)
            switch operation {
            case .request(let method): writer.member("method", method.name)
            case .review: writer.member("method", "REVIEW")
            case .renaming(let from, let digest, let to):
                writer.member("method", "RENAME")
                writer.member("from", from)
                writer.member("digest", digest)
                writer.member("to", to)
            }
            writer.member("target", String(decoding: target, as: UTF8.self))
            if let mediaType { writer.member("type", mediaType) }
            writer.member("now", hex: circumstances.now)
            writer.member("random", hex: circumstances.random)
            writer.member("client", circumstances.client)
            if let owner { writer.member("owner", owner) }
            if !pins.isEmpty {
                writer.array("pins") { writer in
                    for pin in pins {
                        writer.object { writer in
                            writer.member("id", pin.id)
                            writer.member("blob", pin.blob)
                            if let pool = pin.pool { writer.member("pool", pool) }
                        }
                    }
                }
            }
            if let life {
                writer.member("created_at", hex: life.createdAt)
                writer.member("expires_at", hex: life.expiresAt)
                writer.array("births") { writer in life.births.forEach { writer.hex($0) } }
            }
        }
        return writer.bytes + [0x0a] + body
    }

    /// nil for bytes that this version did not write.
    init?(_ bytes: [UInt8]) {
        guard let end = bytes.firstIndex(of: 0x0a), let line = StoredLine(bytes[..<end]),
            line.version == Self.version, let method = line.text("method"), let target = line.text("target"),
            let now = line.number("now"), let random = line.number("random"), let client = line.text("client")
        else { return nil }
        switch method {
        case "REVIEW": operation = .review
        case "RENAME":
            guard let from = line.text("from"), let digest = line.text("digest"), let to = line.text("to")
            else { return nil }
            operation = .renaming(from: from, digest: digest, to: to)
        default: operation = .request(Method(method))
        }
        self.target = Array(target.utf8)
        mediaType = line.text("type")
        circumstances = Circumstances(now: now, random: random, client: client)
        owner = line.text("owner")
        for node in line.elements("pins") {
            guard let id = node.text("id"), let blob = node.text("blob") else { return nil }
            pins.append(Pin(id: id, blob: blob, pool: node.text("pool")))
        }
        if let createdAt = line.number("created_at"), let expiresAt = line.number("expires_at") {
            life = Life(createdAt: createdAt, expiresAt: expiresAt, births: line.numbers("births"))
        }
        body = Array(bytes[(end + 1)...])
    }
}

/// An object of the store's own JSON. Nobody else writes it: a member that is not as it was written is as
/// good as none.
struct StoredLine {
    private static let limits = JSONLimits(bytesMax: 1 << 28, depthMax: 8, valuesMax: 1 << 22)
    private let node: JSONNode

    init?(_ bytes: some Sequence<UInt8>) {
        guard let document = try? JSONDocument(parsing: Array(bytes), limits: Self.limits) else { return nil }
        node = document.root
    }

    private init(_ node: JSONNode) { self.node = node }

    var version: Int? { int("v") }

    func int(_ name: String) -> Int? {
        node.member(name)?.int(in: 0...Int(JSONNode.exactIntegerMax), ProblemList(limit: 1))
    }

    func text(_ name: String) -> String? {
        node.member(name)?.string(bytesMax: Self.limits.bytesMax, ProblemList(limit: 1))
    }

    func number(_ name: String) -> UInt64? { node.member(name)?.u64(ProblemList(limit: 1)) }

    func numbers(_ name: String) -> [UInt64] {
        node.member(name)?.children.compactMap { $0.u64(ProblemList(limit: 1)) } ?? []
    }

    func object(_ name: String) -> StoredLine? { node.member(name).map(StoredLine.init) }

    func elements(_ name: String) -> [StoredLine] {
        let nodes = node.member(name)?.elements(countMax: Self.limits.valuesMax, ProblemList(limit: 1))
        return (nodes ?? []).map(StoredLine.init)
    }

    /// Names and values of an object of texts.
    func texts(_ name: String) -> [(name: String, value: String)] {
        guard let object = node.member(name) else { return [] }
        return object.children.compactMap { child in
            child.string(bytesMax: Self.limits.bytesMax, ProblemList(limit: 1)).map { (child.key, $0) }
        }
    }
}
