// The verbs on a domain: reserve, allocate, preview, free, map doorbells, and batches of them.

import APIContract
import AddressSpaces
import HTTPMessages
import IOVAAllocation
import Locking
import MSIWindows
import Sessions
import WireJSON

extension Route {
    static let verbs: [Route] = [
        .get("listReservations", domain + "/reserved-regions", query: paging, Service.listReservations),
        .post("reserveRange", domain + "/reserved-regions", isIdempotent: true, Service.reserveRange),
        .get("listIOVAs", domain + "/iovas", query: paging, Service.listIOVAs),
        .post("allocateIOVA", domain + "/iovas", isIdempotent: true, Service.allocateIOVA),
        .get("readIOVA", domain + "/iovas/{iova}", Service.readIOVA),
        .delete("freeIOVA", domain + "/iovas/{iova}", Service.freeIOVA),
        .get(
            "availableIOVAs", domain + "/available-iovas",
            query: ["size", "limit", "size_aligned", "cached", "dma_mask", "pci", "device"],
            Service.availableIOVAs),
        .get("listDoorbells", domain + "/doorbells", query: paging, Service.listDoorbells),
        .post("mapDoorbell", domain + "/doorbells", isIdempotent: true, Service.mapDoorbell),
        .post("runBatch", domain + "/batches", isIdempotent: true, Service.runBatch),
    ]
}

extension Service {
    /// The body's verb, read for the consumer of the path's domain.
    private func verb<T>(
        _ context: RequestContext, _ read: (JSONNode, Consumer, ProblemList) -> T?
    ) throws(Problem) -> T {
        let consumer = try readSession(context) { session throws(Problem) in
            try domain(context, in: session).consumer
        }.result
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let verb = read(document.root, consumer, problems)
        guard problems.isEmpty, let verb else { throw .semantic(problems) }
        return verb
    }

    // MARK: Reserved regions

    func listReservations(_ context: RequestContext) throws(Problem) -> Response {
        try listed(
            context, { session throws(Problem) in try domain(context, in: session).regions },
            { writer, region in writer.sessionRegion(region) })
    }

    func reserveRange(_ context: RequestContext) throws(Problem) -> Response {
        let verb = try verb(context) { node, _, problems in SessionVerb.reservation(node, problems) }
        let (made, etag) = try run(verb, context)
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
        return sessionAnswer(context, etag: etag) { writer in
            writer.array("items") { writer in page.items.forEach { writer.holding($0) } }
            if page.hasMore, let last = page.items.last?.range.last.value {
                writer.member("next_page_token", HexLiteral.text(last &+ 1))
            }
        }
    }

    func allocateIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let verb = try verb(context, SessionVerb.allocation)
        let (made, etag) = try run(verb, context)
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
        let consumer = try readSession(context) { session throws(Problem) in
            try domain(context, in: session).consumer
        }.result
        guard consumer == .dmaAPI else { throw Problem(SessionRefusal.notForConsumer(consumer)) }
        let order = try order(context)
        let id = context.variable("domain")
        let entry = try sessionEntry(context)
        let (result, kernel, etag) = try entry.state.withLock { state throws(Problem) in
            guard !state.isGone else { throw Self.problem(.expired, entry.id) }
            let result: Result<Allocated, SessionRefusal>
            do throws(SessionRefusal) {
                result = .success(try state.session.preview(order, in: id))
            } catch {
                result = .failure(error)
            }
            return (result, state.session.kernel, Self.etag(state.session.revision))
        }
        switch result {
        case .success(let allocated):
            return sessionAnswer(context, etag: etag) { writer in
                writer.allocatedMembers(allocated)
                writer.member("outcome", "allocated")
                writer.model(kernel, engine: configuration.version)
            }
        case .failure(.exhausted(let reason)):
            return sessionAnswer(context, etag: etag) { writer in
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
            throw Problem(.notFound, "\"\(shown(text))\" is no address; send hex like 0xfffff000.")
        }
        return IOVA(value)
    }

    func readIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let address = try address(context)
        let (holding, etag) = try readSession(context) { session throws(Problem) in
            try domain(context, in: session).holding(at: address)
        }
        guard let holding else { throw Problem(.notFound, "Nobody holds \(address.hex).") }
        return sessionAnswer(context, etag: etag) { $0.holdingMembers(holding) }
    }

    func freeIOVA(_ context: RequestContext) throws(Problem) -> Response {
        let address = try address(context)
        let id = context.variable("domain")
        let (_, etag) = try withSession(context) { session throws(Problem) in
            do throws(SessionRefusal) {
                _ = try session.free(address, in: id)
            } catch .notAllocated {
                throw Problem(.notFound, "Nobody holds \(address.hex).")
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
        let verb = try verb(context) { node, _, problems in SessionVerb.doorbell(node, problems) }
        let (made, etag) = try run(verb, context)
        return json(made.outcome.isNew ? 201 : 200, headers: [.init("ETag", etag)]) { writer in
            made.outcome.write(to: &writer)
            writer.model(made.kernel, engine: configuration.version)
        }
    }

    // MARK: Running verbs

    private func run(
        _ verb: SessionVerb, _ context: RequestContext
    ) throws(Problem) -> (result: (outcome: VerbOutcome, kernel: KernelRelease), etag: String) {
        let id = context.variable("domain")
        return try withSession(context, grows: true) { session throws(Problem) in
            let outcome = try Self.verb { () throws(SessionRefusal) in try session.run(verb, in: id) }
            return (outcome, session.kernel)
        }
    }

    /// All or none: the answer has a result for every operation.
    func runBatch(_ context: RequestContext) throws(Problem) -> Response {
        let verbs = try verb(context) { node, consumer, problems in
            SessionVerb.batch(node, for: consumer, problems)
        }
        let id = context.variable("domain")
        let ((outcomes, revision, kernel), etag) = try withSession(context, grows: true) {
            session throws(Problem) in
            let outcomes: [VerbOutcome]
            do throws(SessionTransactionError<BatchFailure>) {
                outcomes = try session.transaction(on: id) { session throws(BatchFailure) in
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
            return (outcomes, session.nextRevision, session.kernel)
        }
        return json(200, headers: [.init("ETag", etag)]) { writer in
            writer.array("results") { writer in
                for outcome in outcomes { writer.object { outcome.write(to: &$0) } }
            }
            writer.member("revision", Int(revision))
            writer.model(kernel, engine: configuration.version)
        }
    }
}

extension Service {
    private static func problem(_ error: SessionTransactionError<BatchFailure>) -> Problem {
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
