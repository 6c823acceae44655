// /v1/sessions: list, make, import, renew, end, export.

import AddressSpaces
import HTTP
import JSON
import LinuxReleases
import Locking
import Sandboxes

extension Route {
    static let sessions: [Route] = [
        .get("listSessions", "/v1/sessions", query: paging, Service.listSessions),
        .post(
            "createSession", "/v1/sessions", scope: .write, query: ["id"],
            reads: [BodyType(mediaType: MediaType.json, bytesMax: Limits.sessionBodyBytesMax)],
            isIdempotent: true, Service.createSession),
        .get("readSession", "/v1/sessions/{session}", Service.readSession),
        .patch("patchSession", "/v1/sessions/{session}", Service.patchSession),
        .delete("deleteSession", "/v1/sessions/{session}", Service.deleteSession),
        .get(
            "sessionState", "/v1/sessions/{session}/state", query: ["form"], lane: .heavy,
            Service.sessionState),
        .get(
            "sessionEvents", "/v1/sessions/{session}/events", query: ["after"] + paging,
            produces: [MediaType.json, MediaType.eventStream], Service.sessionEvents),
    ]
}

extension Service {
    func listSessions(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let page = sessions.page(after: context.parameter("page_token"), limit: limit)
        // Each is looked at under its own lock, and written after.
        let items = page.entries.compactMap { entry in
            entry.state.withLock { $0.isGone ? nil : SessionSummary($0.session, of: entry) }
        }
        return json(200) { writer in
            writer.array("items") { writer in
                for item in items { writer.object { $0.sessionSummary(item) } }
            }
            if page.more, let last = page.entries.last { writer.member("next_page_token", last.id) }
        }
    }

    func createSession(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(
            context, bytesMax: Limits.sessionBodyBytesMax, valuesMax: Limits.sessionJSONValuesMax)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = SessionRequest(document.root, problems)
        guard problems.isEmpty else { throw .semantic(problems) }
        let id = try sessionID(request, context)
        let now = context.now(self)
        let session: Session
        if var snapshot = request.snapshot {
            snapshot.takeMachines { platforms.entry($0)?.serial }
            do {
                session = try Session(
                    restoring: snapshot, id: id, createdAt: now, ttlSeconds: request.ttlSeconds,
                    quota: Limits.sessionQuota)
            } catch {
                throw Problem(error)
            }
        } else {
            session = Session(
                id: id, kernel: request.kernel, kernelOrigin: request.statesKernel ? .request : .unstated,
                createdAt: now, ttlSeconds: request.ttlSeconds, quota: Limits.sessionQuota)
        }
        let entry: SessionEntry
        do {
            entry = try add(session, context)
            context.keySubject?.set(.session(entry.life))
        } catch {
            throw Self.problem(error, id)
        }
        let summary = SessionSummary(session, of: entry)
        return json(
            201,
            headers: [
                .init("Location", "/v1/sessions/\(RequestTarget.encoded(id))"),
                .init("ETag", Self.etag(session.revision)),
            ]
        ) { writer in
            writer.sessionSummary(summary)
            writer.model(session.kernel, engine: configuration.version)
        }
    }

    /// The caller's id, from query or body, or a fresh one.
    private func sessionID(_ request: SessionRequest, _ context: RequestContext) throws(Problem) -> String {
        guard let given = context.parameter("id") else {
            if let id = request.id { return id.text }
            return "s-" + HexLiteral.digits(context.random(self), atLeast: 16)
        }
        guard let chosen = WireID(given) else { throw .parameter("id", WireID.sentence) }
        // An exported session may be imported under another id.
        if request.snapshot == nil, let id = request.id, id != chosen {
            throw .parameter("id", "The body has a different id.")
        }
        return chosen.text
    }

    func readSession(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try sessionEntry(context)
        let (summary, etag) = try readSession(entry) { session throws(Problem) in
            SessionSummary(session, of: entry)
        }
        return revisionAnswer(context, etag: etag) { writer in
            writer.sessionSummary(summary)
            writer.model(summary.kernel, engine: configuration.version)
        }
    }

    func patchSession(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let patch = SessionPatch(document.root, problems)
        guard problems.isEmpty, let seconds = patch.ttlSeconds else { throw .semantic(problems) }
        let entry = try sessionEntry(context)
        let now = context.now(self)
        let (summary, etag) = try withSession(entry, context) { session throws(Problem) in
            session.renew(seconds: seconds, now: now)
            guard sessions.renewed(entry, expiresAt: session.expiresAt) else {
                throw Self.problem(.expired, entry.id)
            }
            return SessionSummary(session, of: entry, revision: session.nextRevision)
        }
        return json(200, headers: [.init("ETag", etag)]) { writer in
            writer.sessionSummary(summary)
            writer.model(summary.kernel, engine: configuration.version)
        }
    }

    func deleteSession(_ context: RequestContext) throws(Problem) -> Response {
        // If-Match first; between that and the end another change may still come, as it might after.
        let entry = try sessionEntry(context)
        _ = try withSession(entry, context) { _ throws(Problem) in }
        if let transaction = context.transaction {
            ledger?.remove(entry, transaction, self)
            return Response(status: 204)
        }
        guard sessions.remove(entry, isExpired: false, reason: "session_deleted") else {
            throw Self.problem(.absent, entry.id)
        }
        return Response(status: 204)
    }

    func sessionState(_ context: RequestContext) throws(Problem) -> Response {
        let form = try stateForm(context)
        let (snapshot, etag) = try readSession(context) { session throws(Problem) in session.snapshot }
        return stateAnswer(context, etag: etag, form) { writer, lists in
            writer.sessionState(snapshot, lists)
            writer.model(snapshot.kernel, engine: configuration.version)
        }
    }
}
