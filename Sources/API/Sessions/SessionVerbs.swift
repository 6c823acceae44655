// The verbs on a domain: reserve, allocate, preview, free, map doorbells, and batches of them.

import AddressSpaces
import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import Locking
import MSIWindows
import Sandboxes

extension Route {
    static let verbs: [Route] = [
        .get("listReservations", domain + "/reserved-regions", query: paging, Service.listReservations),
        .post(
            "reserveRange", domain + "/reserved-regions", scope: .write, isIdempotent: true,
            Service.reserveRange),
        .get("listIOVAs", domain + "/iovas", query: paging, Service.listIOVAs),
        .post("allocateIOVA", domain + "/iovas", scope: .write, isIdempotent: true, Service.allocateIOVA),
        .get("readIOVA", domain + "/iovas/{iova}", Service.readIOVA),
        .delete("freeIOVA", domain + "/iovas/{iova}", Service.freeIOVA),
        .get(
            "availableIOVAs", domain + "/available-iovas",
            query: ["size", "limit", "size_aligned", "cached", "dma_mask", "pci", "device"],
            Service.availableIOVAs),
        .get("listDoorbells", domain + "/doorbells", query: paging, Service.listDoorbells),
        .post("mapDoorbell", domain + "/doorbells", scope: .write, isIdempotent: true, Service.mapDoorbell),
        .post(
            "runBatch", domain + "/batches", scope: .write, isIdempotent: true,
            lane: .byBody(lightBytesMax: Limits.lightListBytesMax), Service.runBatch),
    ]
}

extension Service {
    // MARK: Reserved regions

    func listReservations(_ context: RequestContext) throws(Problem) -> Response {
        try listed(
            context, { session throws(Problem) in try domain(context, in: session).regions },
            { writer, region in writer.sessionRegion(region) })
    }

    func reserveRange(_ context: RequestContext) throws(Problem) -> Response {
        let (made, etag) = try run(context) { node, _, problems in SessionVerb.reservation(node, problems) }
        return json(201, headers: [.init("ETag", etag)]) { writer in
            made.outcome.write(to: &writer)
            writer.model(made.kernel, engine: configuration.version)
        }
    }

    // MARK: IOVAs

    func listIOVAs(_ context: RequestContext) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let query = context.query
        let start = query.number("page_token") ?? 0
        try query.check()
        let (page, etag) = try readSession(context) { session throws(Problem) in
            try domain(context, in: session).holdings(from: IOVA(start), limit: limit)
        }
        return revisionAnswer(context, etag: etag) { writer in
            writer.array("items") { writer in page.items.forEach { writer.holding($0) } }
            if page.hasMore, let last = page.items.last?.range.last.value {
                writer.member("next_page_token", HexLiteral.text(last &+ 1))
            }
        }
    }

    func allocateIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let (made, etag) = try run(context, SessionVerb.allocation)
        let session = RequestTarget.encoded(context.variable("session"))
        let domain = RequestTarget.encoded(context.variable("domain"))
        let location = made.outcome.start.map {
            HeaderFields.Field(
                "Location", "/v1/sessions/\(session)/domains/\(domain)/iovas/\(HexLiteral.text($0))")
        }
        return json(201, headers: [.init("ETag", etag)] + (location.map { [$0] } ?? [])) { writer in
            made.outcome.write(to: &writer)
            writer.model(made.kernel, engine: configuration.version)
        }
    }

    /// What POST .../iovas would answer now: the same verb, undone.
    func availableIOVAs(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("domain")
        let ((result, kernel), etag) = try readSession(context) { session throws(Problem) in
            let consumer = try domain(context, in: session).consumer
            guard consumer == .dmaAPI else { throw Problem(SessionRefusal.notForConsumer(consumer)) }
            let order = try order(context)
            let result: Result<Allocated, SessionRefusal>
            do throws(SessionRefusal) {
                result = .success(try session.preview(order, in: id))
            } catch {
                result = .failure(error)
            }
            return (result, session.kernel)
        }
        switch result {
        case .success(let allocated):
            return revisionAnswer(context, etag: etag) { writer in
                writer.allocatedMembers(allocated)
                writer.member("outcome", "allocated")
                writer.model(kernel, engine: configuration.version)
            }
        case .failure(.exhausted(let reason)):
            return revisionAnswer(context, etag: etag) { writer in
                writer.key("range")
                writer.null()
                writer.member("because", reason.because)
                writer.member("outcome", "none")
                writer.model(kernel, engine: configuration.version)
            }
        case .failure(let refusal): throw Problem(refusal)
        }
    }

    /// The order in the query, read as the body's members are.
    private func order(_ context: RequestContext) throws(Problem) -> AllocationOrder {
        var query = context.query
        let order = AllocationOrder(&query)
        guard query.problems.isEmpty, let order else { throw .parameters(query.problems) }
        return order
    }

    /// The address of the path: hex.
    private func address(_ context: RequestContext) throws(Problem) -> IOVA {
        let text = context.variable("iova")
        guard let value = try? HexLiteral.parse(Array(text.utf8)) else {
            throw Problem(.notFound, "\"\(Excerpt.of(text))\" is not an address; send hex like 0xfffff000.")
        }
        return IOVA(value)
    }

    func readIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let address = try address(context)
        let (holding, etag) = try readSession(context) { session throws(Problem) in
            try domain(context, in: session).holding(at: address)
        }
        guard let holding else { throw Problem(.notFound, Problem.notAllocated(address)) }
        return revisionAnswer(context, etag: etag) { $0.holdingMembers(holding) }
    }

    func freeIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let address = try address(context)
        let id = context.variable("domain")
        let (_, etag) = try withSession(context) { session throws(Problem) in
            do throws(SessionRefusal) {
                _ = try session.free(address, in: id)
            } catch .notAllocated {
                throw Problem(.notFound, Problem.notAllocated(address))
            } catch {
                throw Problem(error)
            }
        }
        return Response(status: 204, headers: HeaderFields([.init("ETag", etag)]))
    }

    // MARK: Doorbells

    func listDoorbells(_ context: RequestContext) throws(Problem) -> Response {
        try listed(
            context, { session throws(Problem) in try domain(context, in: session).doorbells },
            { writer, doorbell in
                writer.object { writer in
                    writer.member("physical", hex: doorbell.physical.value)
                    writer.member("page", hex: doorbell.page.value)
                }
            })
    }

    func mapDoorbell(_ context: RequestContext) throws(Problem) -> Response {
        let (made, etag) = try run(context) { node, _, problems in SessionVerb.doorbell(node, problems) }
        return json(made.outcome.isNew ? 201 : 200, headers: [.init("ETag", etag)]) { writer in
            made.outcome.write(to: &writer)
            writer.model(made.kernel, engine: configuration.version)
        }
    }

    // MARK: Running verbs

    /// Runs the verb of the body on the domain of the path: `read` gets the domain's consumer.
    private func run(
        _ context: RequestContext, _ read: (JSONNode, Consumer, ProblemList) -> SessionVerb?
    ) throws(Problem) -> (result: (outcome: VerbOutcome, kernel: KernelProfile), etag: String) {
        let id = context.variable("domain")
        return try withOrder(context, read) { session, verb throws(Problem) in
            let outcome = try Self.verb { () throws(SessionRefusal) in try session.run(verb, in: id) }
            return (outcome, session.kernel)
        }
    }

    /// All or none: the answer has a result for every operation.
    func runBatch(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("domain")
        let ((outcomes, revision, kernel), etag) = try withOrder(context, SessionVerb.batch) {
            session, verbs throws(Problem) in
            (try Self.run(verbs, on: id, of: &session), session.nextRevision, session.kernel)
        }
        return json(200, headers: [.init("ETag", etag)]) { writer in
            writer.array("results") { writer in
                for outcome in outcomes { writer.object { outcome.write(to: &$0) } }
            }
            writer.member("revision", Int(revision))
            writer.model(kernel, engine: configuration.version)
        }
    }

    private static func run(
        _ verbs: [SessionVerb], on id: String, of session: inout Session
    ) throws(Problem) -> [VerbOutcome] {
        do throws(SessionTransactionError<BatchFailure>) {
            return try session.transaction(on: id) { session throws(BatchFailure) in
                var outcomes: [VerbOutcome] = []
                outcomes.reserveCapacity(verbs.count)
                for (place, verb) in verbs.enumerated() {
                    do throws(SessionRefusal) {
                        outcomes.append(try session.run(verb, in: id))
                    } catch {
                        throw BatchFailure(place: place, refusal: error)
                    }
                }
                return outcomes
            }
        } catch {
            throw Self.problem(error)
        }
    }

    /// Runs `body` with what the request's body orders, read for the consumer of the path's domain. The JSON
    /// is parsed before the session is locked; a mistake in it is reported only if the domain exists.
    private func withOrder<Order, T>(
        _ context: RequestContext, _ read: (JSONNode, Consumer, ProblemList) -> Order?,
        _ body: (inout Session, Order) throws(Problem) -> T
    ) throws(Problem) -> (result: T, etag: String) {
        let entry = try sessionEntry(context)
        let document = Result { () throws(Problem) in try self.document(context) }
        return try withSession(
            entry, context, grows: true,
            prepare: { session throws(Problem) in
                let consumer = try domain(context, in: session).consumer
                let problems = ProblemList(limit: Limits.problemErrorsMax)
                let order = read(try document.get().root, consumer, problems)
                guard problems.isEmpty, let order else { throw .semantic(problems) }
                return order
            }, body)
    }
}

extension Service {
    fileprivate static func problem(_ error: SessionTransactionError<BatchFailure>) -> Problem {
        switch error {
        case .refused(let refusal): Problem(refusal)
        case .failed(let failure): Problem(failure.refusal, pointer: "/operations/\(failure.place)")
        }
    }
}

/// Which operation of a batch was refused.
private struct BatchFailure: Error {
    let place: Int
    let refusal: SessionRefusal
}
