// /v1/agreements: propose, list, read, accept, release, remove, check a host, add one, follow the events.

import AddressSpaces
import Fleet
import HTTP
import JSON
import LinuxReleases
import Locking

extension Route {
    static let agreements: [Route] = [
        .get("listAgreements", "/v1/agreements", query: ["state"] + paging, Service.listAgreements),
        .post(
            "createAgreement", "/v1/agreements", scope: .write, query: ["dry_run"], isIdempotent: true,
            lane: .heavy, Service.createAgreement),
        .get(
            "readAgreement", "/v1/agreements/{agreement}", query: ["format"], produces: Rendering.mediaTypes,
            Service.readAgreement),
        .patch("patchAgreement", "/v1/agreements/{agreement}", Service.patchAgreement),
        .delete("deleteAgreement", "/v1/agreements/{agreement}", Service.deleteAgreement),
        .post(
            "checkHost", "/v1/agreements/{agreement}/checks", scope: .read, lane: .heavy, Service.checkHost),
        .post(
            "addHost", "/v1/agreements/{agreement}/hosts", scope: .write, isIdempotent: true, lane: .heavy,
            Service.addHost),
        .delete("removeHost", "/v1/agreements/{agreement}/hosts/{host}", Service.removeHost),
        .get(
            "agreementEvents", "/v1/agreements/{agreement}/events", query: ["after"] + paging,
            produces: [MediaType.json, MediaType.eventStream], Service.agreementEvents),
    ]
}

extension Service {
    func listAgreements(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let query = context.query
        let state = query.value("state")?.choice(Self.agreementStates, query.problems)
        try query.check()
        // Each is looked at under its own lock, and written after.
        let found = agreements.all.filter { entry in
            entry.state.withLock { !$0.isGone && (state == nil || $0.agreement.state == state) }
        }
        let page = found.page(after: context.parameter("page_token"), limit: limit)
        // Between the two looks one may have ended or moved on.
        let items = page.entries.compactMap { entry in
            entry.state.withLock { now -> (AgreementEntry, Agreement)? in
                let fits = !now.isGone && (state == nil || now.agreement.state == state)
                return fits ? (entry, now.agreement) : nil
            }
        }
        return json(200) { writer in
            writer.array("items") { writer in
                for (entry, agreement) in items {
                    writer.object { $0.agreementSummary(agreement, owner: entry.owner) }
                }
            }
            if page.more, let last = page.entries.last { writer.member("next_page_token", last.id) }
        }
    }

    private static let agreementStates = Agreement.State.allCases.map { (word: $0.rawValue, value: $0) }

    func createAgreement(_ context: RequestContext) throws(Problem) -> Response {
        let isDry = try flag("dry_run", context)
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = AgreementRequest(document.root, problems)
        let hosts = request.placement.hosts(platforms, problems)
        AgreementRequest.check(hosts, problems)
        let seen = seen(hosts)
        let decided = try decide(request.placement, hosts, problems, context)
        let proposal: AgreementProposal
        switch try self.proposal(decided, request.placement, seen, context) {
        case .success(let made): proposal = made
        case .failure(let refusal):
            guard isDry else { throw Problem(refusal) }
            return json(200) { $0.refusedProposal(refusal, decided.placed, engine: configuration.version) }
        }
        if isDry { return json(200) { $0.proposal(proposal, engine: configuration.version) } }
        let id = request.id?.text ?? "a-" + HexLiteral.digits(context.random(self), atLeast: 16)
        let telling = telling(context)
        let entry: AgreementEntry
        do {
            entry = try add(
                Agreement(
                    id: id, promise: proposal.promise, pool: proposal.pool,
                    capabilities: proposal.capabilities, hosts: proposal.hosts,
                    createdAt: telling.now, ttlSeconds: request.ttlSeconds),
                proposal, telling, context)
        } catch {
            throw Self.problem(agreement: error, id)
        }
        context.keySubject?.set(.agreement(id: id, serial: entry.serial))
        let agreement = entry.state.withLock { state in
            // What changed while it was decided; in a pool, who came as well.
            let members = proposal.pool.map { platforms.members(ofPool: $0).map(\.id) } ?? []
            review(state.agreement.platforms.union(members).sorted(), &state, of: entry, telling)
            return state.agreement
        }
        return json(
            201,
            headers: [
                .init("Location", "/v1/agreements/\(RequestTarget.encoded(id))"),
                .init("ETag", Self.etag(agreement.revision)),
            ]
        ) { $0.agreement(agreement, entry, engine: configuration.version) }
    }

    func readAgreement(_ context: RequestContext) throws(Problem) -> Response {
        let format = try renderingFormat(context)
        let entry = try agreementEntry(context)
        let agreement = try entry.state.withLock { state throws(Problem) in
            guard !state.isGone else { throw Self.problem(agreement: .expired, entry.id) }
            return state.agreement
        }
        let etag = Self.etag(agreement.revision)
        if let format, !context.alreadyHas(etag) {
            var text = try rendering(
                format, of: entry.placed.placement, agreement.promise.guest, agreement.promise.demand,
                hosts: agreement.hosts.flatMap { [$0.name] + ($0.seen.map { [$0.digest] } ?? []) },
                mark: agreement.mark)
            text.headers.add("ETag", etag)
            text.headers.add("Cache-Control", "no-cache")
            return text
        }
        return revisionAnswer(context, etag: etag) {
            $0.agreement(agreement, entry, engine: configuration.version)
        }
    }

    func patchAgreement(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let patch = AgreementPatch(document.root, problems)
        guard problems.isEmpty else { throw .semantic(problems) }
        let entry = try agreementEntry(context)
        let now = context.now(self)
        let agreement = try withAgreement(entry, context) { state throws(Problem) in
            if let next = patch.state {
                do throws(Agreement.Refusal) { try state.agreement.move(to: next) } catch {
                    throw Problem(error, entry.id)
                }
            }
            if let seconds = patch.ttlSeconds {
                state.agreement.renew(seconds: seconds, now: now)
                guard agreements.renewed(entry, expiresAt: state.agreement.expiresAt) else {
                    throw Self.problem(agreement: .expired, entry.id)
                }
            }
        }
        return json(200, headers: [.init("ETag", Self.etag(agreement.revision))]) {
            $0.agreement(agreement, entry, engine: configuration.version)
        }
    }

    func deleteAgreement(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try agreementEntry(context)
        _ = try withAgreement(entry, context) { state throws(Problem) in
            if let transaction = context.transaction {
                ledger?.remove(entry, &state, transaction, self)
                return
            }
            guard agreements.remove(entry) else { throw Self.problem(agreement: .absent, entry.id) }
            state.isGone = true
        }
        if context.transaction == nil { agreements.bury(removed: entry) }
        return Response(status: 204)
    }

    func checkHost(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let entry = try agreementEntry(context)
        let agreement = entry.state.withLock { $0.agreement }
        let (host, kernel) = try askedHost(document, entry, agreement)
        return json(200) { writer in
            writer.member("kind", "agreement_check")
            writer.member("agreement", entry.id)
            writer.member("host", host.name)
            writer.own(host, agreement.promise, beside: kernel, among: 1)
            writer.standing(host.standing)
            writer.model(kernel, onX86: entry.placed.isOnX86, engine: configuration.version)
        }
    }

    func addHost(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let entry = try agreementEntry(context)
        // Evaluated before the lock is taken: who lists agreements waits for it on a connection's thread.
        let (host, _) = try askedHost(document, entry, entry.state.withLock { $0.agreement })
        let agreement = try withAgreement(entry, context) { state throws(Problem) in
            do throws(Agreement.Refusal) { try state.agreement.checkRoom(for: host.name) } catch {
                throw Problem(error, entry.id)
            }
            guard state.agreement.hosts.count < Limits.agreementHostsMax else {
                throw .semantic("/host", "too-many", AgreementRequest.tooManyHosts)
            }
            guard agreements.takeRoom(host.items) else { throw Self.problem(agreement: .full, entry.id) }
            do throws(Agreement.Refusal) {
                try state.agreement.add(host, now: context.now(self))
            } catch {
                agreements.giveBack(host.items)
                throw Problem(error, entry.id)
            }
            state.weight += host.items
            if let platform = host.platform { review([platform], &state, of: entry, telling(context)) }
        }
        return json(201, headers: [.init("ETag", Self.etag(agreement.revision))]) {
            $0.agreement(agreement, entry, engine: configuration.version)
        }
    }

    func removeHost(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try agreementEntry(context)
        let name = context.variable("host")
        let agreement = try withAgreement(entry, context) { state throws(Problem) in
            do throws(Agreement.Refusal) {
                let host = try state.agreement.remove(name, now: context.now(self))
                agreements.giveBack(host.items)
                state.weight -= host.items
            } catch {
                throw Problem(error, entry.id)
            }
        }
        return Response(
            status: 204, headers: HeaderFields([.init("ETag", Self.etag(agreement.revision))]))
    }

    /// The host of a request about an agreement, evaluated.
    private func askedHost(
        _ document: JSONDocument, _ entry: AgreementEntry, _ agreement: Agreement
    ) throws(Problem) -> (host: Agreement.Host, kernel: KernelProfile) {
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = AgreementHostRequest(document.root, of: agreement, problems)
        guard problems.isEmpty, let host = request.host else { throw .semantic(problems) }
        let seen = seen([host])
        guard let known = facts(of: host, entry.stated, agreement.promise, problems) else {
            throw .semantic(problems)
        }
        let capabilities = host.capabilities.union(agreement.capabilities)
        var standings = KnownStandings()
        let standing = standings.standing(of: host.name, known, capabilities, to: agreement.promise)
        return (agreementHost(host, known, standing, capabilities: capabilities, seen), known.kernel)
    }

    func agreementEvents(_ context: RequestContext) throws(Problem) -> Response {
        try events(of: try agreementEntry(context).channel, context)
    }
}

// MARK: Access

extension Service {
    /// The agreement of the path.
    private func agreementEntry(_ context: RequestContext) throws(Problem) -> AgreementEntry {
        let id = context.variable("agreement")
        if let ledger, let transaction = context.transaction {
            return try ledger.agreement(id, transaction, self)
        }
        do {
            return try agreements.entry(id)
        } catch {
            throw Self.problem(agreement: error, id)
        }
    }

    /// Runs `body` on an agreement that it has to itself, if it is the caller's to change and If-Match holds;
    /// its events are published before the lock is given back.
    private func withAgreement(
        _ entry: AgreementEntry, _ context: RequestContext,
        _ body: (inout AgreementEntry.State) throws(Problem) -> Void
    ) throws(Problem) -> Agreement {
        try context.caller.checkOwner(entry.owner, of: "agreement \"\(entry.id)\"")
        let condition = context.condition
        return try entry.state.withLock { state throws(Problem) in
            guard !state.isGone else { throw Self.problem(agreement: .expired, entry.id) }
            context.keySubject?.set(.agreement(id: entry.id, serial: entry.serial))
            try Self.check(condition, against: state.agreement.revision, of: "agreement")
            try body(&state)
            agreements.publish(&state, of: entry, telling(context))
            return state.agreement
        }
    }
}
