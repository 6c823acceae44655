// How handlers reach a session: found, locked, held against If-Match; its events are published before the
// lock is given back, so that the order of the log is the order of the effects.

import HTTP
import JSON
import Locking
import Sandboxes

extension Service {
    /// What a handler does with a session that it has to itself.
    typealias SessionBody<T> = (inout Session) throws(Problem) -> T

    /// Runs `body` on the session of the path.
    ///
    /// - Parameter grows: whether it adds something that is counted.
    func withSession<T>(
        _ context: RequestContext, grows: Bool = false, _ body: SessionBody<T>
    ) throws(Problem) -> (result: T, etag: String) {
        try withSession(try sessionEntry(context), context, grows: grows, body)
    }

    /// Runs `body` on a session that was found before.
    func withSession<T>(
        _ entry: SessionEntry, _ context: RequestContext, grows: Bool = false, _ body: SessionBody<T>
    ) throws(Problem) -> (result: T, etag: String) {
        try withSession(
            entry, context, grows: grows, prepare: { _ throws(Problem) in },
            { session, _ throws(Problem) in try body(&session) })
    }

    /// Runs `body` with what `prepare` reads. Both see the same session, under one lock: what a body of a
    /// request means depends on the domain that it is for. A wrong request is reported first, then a lack of
    /// room, then an If-Match that does not hold. Before them comes whose the session is: all of these change
    /// it.
    func withSession<Order, T>(
        _ entry: SessionEntry, _ context: RequestContext, grows: Bool,
        prepare: (Session) throws(Problem) -> Order, _ body: (inout Session, Order) throws(Problem) -> T
    ) throws(Problem) -> (result: T, etag: String) {
        try context.caller.checkOwner(entry.owner, of: "session \"\(entry.id)\"")
        let isFull = grows && !sessions.hasRoom
        let condition = context.condition
        var difference = 0
        defer { sessions.count(difference) }
        return try entry.state.withLock { state throws(Problem) in
            guard !state.isGone else { throw Self.problem(.expired, entry.id) }
            context.keySubject?.set(.session(entry.life))
            let order = try prepare(state.session)
            if isFull { throw Self.everythingIsFull }
            try Self.check(condition, against: state.session.revision)
            defer {
                let events = state.session.takeEvents()
                if !events.isEmpty {
                    changed(entry, &state, events, context)
                    let weight = state.session.weight
                    difference = weight - state.weight
                    state.weight = weight
                }
            }
            let result = try body(&state.session, order)
            // The tag that `takeEvents` will set.
            return (result, Self.etag(state.session.nextRevision))
        }
    }

    /// The session of the path as it is now.
    func readSession<T>(_ context: RequestContext, _ body: SessionBody<T>) throws(Problem) -> (
        result: T, etag: String
    ) {
        try readSession(try sessionEntry(context), body)
    }

    /// A session that was found before, as it is now.
    func readSession<T>(_ entry: SessionEntry, _ body: SessionBody<T>) throws(Problem) -> (
        result: T, etag: String
    ) {
        try entry.state.withLock { state throws(Problem) in
            guard !state.isGone else { throw Self.problem(.expired, entry.id) }
            return (try body(&state.session), Self.etag(state.session.revision))
        }
    }

    /// The session of the path: the one look-up of a request. Where there is a store, the request has the
    /// session to itself from here on.
    func sessionEntry(_ context: RequestContext) throws(Problem) -> SessionEntry {
        let id = context.variable("session")
        if let ledger, let transaction = context.transaction {
            return try ledger.session(id, transaction, self)
        }
        do {
            return try sessions.entry(id)
        } catch {
            throw Self.problem(error, id)
        }
    }

    static func etag(_ revision: UInt64) -> String { "\"\(revision)\"" }

    /// - Parameter thing: what has the revision, for the problem.
    static func check(
        _ condition: EntityCondition, against revision: UInt64, of thing: String = "session"
    ) throws(Problem) {
        let current = etag(revision)
        guard condition.holds(of: current) else {
            let field =
                EntityCondition(match: condition.match).holds(of: current) ? "If-None-Match" : "If-Match"
            throw Problem(
                .preconditionFailed, "The \(thing) does not meet \(field): its ETag is \(current).",
                headers: HeaderFields([.init("ETag", current)]))
        }
    }

    /// Runs a verb and throws its refusal as a problem.
    static func verb<T>(
        at pointer: String = "", _ body: () throws(SessionRefusal) -> T
    ) throws(Problem) -> T {
        do { return try body() } catch { throw Problem(error, pointer: pointer) }
    }

    /// An answer about what has a revision as its tag, or 304 when the client has it.
    func revisionAnswer(
        _ context: RequestContext, etag: String, _ body: (inout JSONWriter) -> Void
    ) -> Response {
        let headers = [HeaderFields.Field("ETag", etag), .init("Cache-Control", "no-cache")]
        if context.alreadyHas(etag) { return Response(status: 304, headers: HeaderFields(headers)) }
        return json(200, headers: headers, body)
    }
}
