// /v1/platforms: list, upload, read, replace, remove; PlatformRenaming has the renaming, PlatformLabels the
// labels.

import AddressSpaces
import HTTP
import JSON
public import Machines

extension Route {
    /// What describes a machine.
    private static let descriptions: [BodyType] = [
        .json, BodyType(mediaType: MediaType.deviceTree, bytesMax: Limits.deviceTreeBytesMax),
        BodyType(mediaType: MediaType.octetStream), BodyType(mediaType: MediaType.acpiTable),
        BodyType(mediaType: MediaType.multipart), .plain,
    ]
    /// How it is read.
    private static let readingOptions = ["validate_only", "preserve_config", "assume", "ttl_seconds"]

    static let platforms: [Route] = [
        .get("listPlatforms", "/v1/platforms", query: ["label"] + paging, Service.listPlatforms),
        .post(
            "createPlatform", "/v1/platforms", scope: .write, query: ["id"] + readingOptions,
            reads: descriptions,
            isIdempotent: true, lane: .heavy, Service.createPlatform),
        .get("readPlatform", "/v1/platforms/{platform}", Service.readPlatform),
        .put(
            "putPlatform", "/v1/platforms/{platform}", query: readingOptions, reads: descriptions,
            lane: .heavy, Service.putPlatform),
        .patch("patchPlatform", "/v1/platforms/{platform}", lane: .heavy, Service.patchPlatform),
        .delete("deletePlatform", "/v1/platforms/{platform}", lane: .heavy, Service.deletePlatform),
        .put(
            "putLabels", "/v1/platforms/{platform}/labels", query: [], reads: [.json], lane: .heavy,
            Service.putLabels),
    ]
}

extension Service {
    func listPlatforms(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let page = platforms.page(
            after: context.parameter("page_token"), limit: limit, with: try labelQuery(context))
        return json(200) { writer in
            writer.array("items") { writer in
                for entry in page.entries {
                    writer.object { writer in
                        writer.member("id", entry.id)
                        writer.member("source", entry.platform.source.rawValue)
                        writer.member("built_in", entry.origin == .builtIn)
                        if entry.origin == .offered { writer.member("offered", true) }
                        if let summary = entry.summary { writer.member("summary", summary) }
                        if let owner = entry.owner { writer.member("owner", owner) }
                        if let end = entry.expiresAt {
                            writer.member("expires_at", Timestamp.text(milliseconds: end))
                        }
                        writer.labels(entry.labels)
                        if let model = entry.platform.model { writer.member("model", model) }
                        writer.member("compatible", strings: entry.platform.compatible)
                        writer.member("devices", entry.platform.devices.count)
                        writer.member("findings", entry.platform.findings.count)
                    }
                }
            }
            if page.more, let last = page.entries.last { writer.member("next_page_token", last.id) }
        }
    }

    func readPlatform(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try entry(context)
        if context.alreadyHas(entry.etag) {
            return Response(status: 304, headers: HeaderFields([.init("ETag", entry.etag)]))
        }
        return json(200, headers: [.init("ETag", entry.etag), .init("Cache-Control", "no-cache")]) { writer in
            writer.platformMembers(entry)
        }
    }

    func createPlatform(_ context: RequestContext) throws(Problem) -> Response {
        let validateOnly = try flag("validate_only", context)
        let given = context.parameter("id")
        if let given { try checkID(given, "?id") }
        let platform = try ingest(context)
        let id = given ?? "p-" + HexLiteral.digits(context.random(self))
        let entry = try entry(id, platform, context)
        _ = try change(context, id, validateOnly ? .checksID : .keeps) { keeping throws(Problem) in
            do throws(PlatformStore.Refusal) {
                try platforms.add(entry, keeping)
                return (entry, true)
            } catch {
                throw problem(error, id)
            }
        }
        if validateOnly { return json(200) { $0.platformMembers(entry) } }
        context.keySubject?.set(.platform(id: id, serial: entry.serial))
        return created(entry)
    }

    func putPlatform(_ context: RequestContext) throws(Problem) -> Response {
        let validateOnly = try flag("validate_only", context)
        let id = context.variable("platform")
        try checkID(id, "platform")
        let platform = try ingest(context)
        let made = try entry(id, platform, context)
        let (found, isNew) = try change(context, id, validateOnly ? .checksID : .keeps) {
            keeping throws(Problem) in
            do throws(PlatformStore.Refusal) {
                return try platforms.put(made, if: context.condition, by: context.caller, keeping)
            } catch {
                throw problem(error, id)
            }
        }
        let entry = found ?? made
        if validateOnly { return json(200) { $0.platformMembers(entry) } }
        if isNew { return created(entry) }
        return json(200, headers: [.init("ETag", entry.etag)]) {
            $0.platformMembers(entry)
        }
    }

    func deletePlatform(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("platform")
        _ = try change(context, id, .keeps) { keeping throws(Problem) in
            do throws(PlatformStore.Refusal) {
                try platforms.remove(id, if: context.condition, by: context.caller, keeping)
                return (nil, false)
            } catch {
                throw problem(error, id)
            }
        }
        return Response(status: 204)
    }

    /// The platform of the path.
    func entry(_ context: RequestContext) throws(Problem) -> PlatformEntry {
        let id = context.variable("platform")
        guard let entry = platforms.entry(id) else { throw problem(.absent, id) }
        return entry
    }

    /// The id of the machine that the server runs on; no client's, whether or not the server offers it.
    public static let hostID = "this-host"

    /// Has every client know a platform that none of them can replace or remove, and that counts against no
    /// limit; replaces one that was offered under the id before.
    ///
    /// - Parameter bytes: what it was read from; the entity tag is a digest of it.
    /// - Returns: false where a built-in or uploaded platform has the id.
    public func offer(_ platform: Platform, as id: String, readFrom bytes: [UInt8]) -> Bool {
        let entry = PlatformEntry(
            id: id, platform: platform, origin: .offered, etag: EntityTag.of(bytes), costBytes: 0)
        ledger?.setSource(of: entry.serial, PlatformSource(offered: bytes).blob)
        return platforms.offer(entry)
    }

    /// Whether a platform is offered under this id.
    public func offers(_ id: String) -> Bool { platforms.entry(id)?.origin == .offered }

    /// Takes an offered platform back.
    public func withdraw(_ id: String) { platforms.withdraw(id) }

    private func created(_ entry: PlatformEntry) -> Response {
        let location = "/v1/platforms/\(RequestTarget.encoded(entry.id))"
        return json(201, headers: [.init("Location", location), .init("ETag", entry.etag)]) {
            $0.platformMembers(entry)
        }
    }

    private func entry(
        _ id: String, _ platform: Platform, _ context: RequestContext
    ) throws(Problem) -> PlatformEntry {
        let query = context.query
        let seconds = query.value("ttl_seconds")?.int(in: 1...Limits.platformTTLSecondsMax, query.problems)
        try query.check()
        let end = seconds.map { context.now(self) + UInt64($0) * 1_000 }
        return entry(
            id, platform, PlatformSource(context), owner: context.caller.name, client: context.client,
            expiresAt: end)
    }

    /// The entry of a platform that was read.
    func entry(
        _ id: String, _ platform: Platform, _ source: PlatformSource, owner: String?, client: String,
        expiresAt end: UInt64?
    ) -> PlatformEntry {
        // Of all that an answer about the platform says, and not of the body alone.
        let facts = [owner, end.map(HexLiteral.text)] + source.reading
        let digest = EntityTag.of(source.body, with: source.reading)
        // Without any both are of the body alone, and a digest of a tree takes 25 us.
        let etag = facts.allSatisfy { $0 == nil } ? digest : EntityTag.of(source.body, with: facts)
        // A tree in memory takes a few times its bytes; the factor errs on the safe side.
        return PlatformEntry(
            id: id, platform: platform, origin: .uploaded, etag: etag, digest: digest,
            costBytes: 4_096 + 8 * source.body.count, owner: owner, client: client, expiresAt: end)
    }

    private func checkID(_ id: String, _ pointer: String) throws(Problem) {
        guard WireID(id) == nil else { return }
        throw .parameters([JSONProblem(pointer: pointer, code: "bad-id", detail: WireID.sentence)])
    }

    func problem(_ refusal: PlatformStore.Refusal, _ id: String) -> Problem {
        let shown = Excerpt.of(id)
        switch refusal {
        case .exists:
            return Problem(
                .platformExists,
                "Platform \"\(shown)\" already exists; replace it with PUT, or choose another id.")
        case .kept(.offered):
            return Problem(
                .platformInUse,
                "\"\(shown)\" is kept for the machine that this server runs on; upload under another id.")
        case .kept:
            return Problem(
                .platformInUse, "\"\(shown)\" is built in and cannot be changed; upload under another id.")
        case .absent: return Problem(.notFound, PlatformEntry.unknown(id))
        case .owned(let owner): return Problem(owned: "platform \"\(shown)\"", by: owner)
        case .conditionFailed(let current):
            let fields = current.map { [HeaderFields.Field("ETag", $0)] } ?? []
            let now = current.map { "its ETag is \($0)" } ?? "it does not exist"
            return Problem(
                .preconditionFailed, "The platform does not meet If-Match or If-None-Match: \(now).",
                headers: HeaderFields(fields))
        case .clientFull:
            return Problem(
                .tooManyPlatforms, "A client may have \(Limits.platformsPerClientMax) platforms.",
                retryAfterSeconds: 60)
        case .full:
            return Problem(
                .tooManyPlatforms,
                "The server keeps at most \(Limits.platformsUploadedMax) platforms and \(Limits.platformBytesTotalMax) bytes.",
                retryAfterSeconds: 60)
        }
    }
}
