// Domains of a session, and the devices that are attached to them.

import AddressSpaces
import HTTP
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import Locking
import MSIWindows
import Machines
import Sandboxes

extension Route {
    /// The path of a domain.
    static let domain = "/v1/sessions/{session}/domains/{domain}"

    static let domains: [Route] = [
        .get("listDomains", "/v1/sessions/{session}/domains", query: paging, Service.listDomains),
        .post(
            "createDomain", "/v1/sessions/{session}/domains", scope: .write, isIdempotent: true,
            Service.createDomain),
        .get("readDomain", domain, Service.readDomain),
        .delete("deleteDomain", domain, Service.deleteDomain),
        .get("domainState", domain + "/state", query: ["form"], lane: .heavy, Service.domainState),
        .get("listAttached", domain + "/devices", query: paging, Service.listAttached),
        .post("attachDevice", domain + "/devices", scope: .write, isIdempotent: true, Service.attachDevice),
        .delete("detachDevice", domain + "/devices/{device}", Service.detachDevice),
    ]
}

extension Service {
    /// The domain of the path.
    func domain(_ context: RequestContext, in session: Session) throws(Problem) -> SessionDomain {
        let id = context.variable("domain")
        let domain = try Self.verb { () throws(SessionRefusal) in try session.domain(id) }
        context.keySubject?.narrow(to: domain)
        return domain
    }

    /// A page of a list that is taken while the session is locked: `read` gets offset and limit.
    func listed<T>(
        _ context: RequestContext, _ items: (Session) throws(Problem) -> [T],
        _ write: (inout JSONWriter, T) -> Void
    ) throws(Problem) -> Response {
        let limit = try pageLimit(context)
        let offset = try pageOffset(context)
        let (all, etag) = try readSession(context) { session throws(Problem) in try items(session) }
        return revisionAnswer(context, etag: etag) { writer in
            writer.array("items") { writer in
                for item in all.dropFirst(offset).prefix(limit) { write(&writer, item) }
            }
            if all.count - offset > limit { writer.member("next_page_token", String(offset + limit)) }
        }
    }

    func listDomains(_ context: RequestContext) throws(Problem) -> Response {
        try listed(
            context, { session throws(Problem) in session.domains.map(DomainSummary.init) },
            { writer, domain in writer.object { $0.domainSummary(domain, DomainReport(domain)) } })
    }

    func createDomain(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try sessionEntry(context)
        let (kernel, origin, isKernelOpen) = entry.state.withLock {
            ($0.session.kernel, $0.session.kernelOrigin, $0.session.isKernelOpen)
        }
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        var request = DomainRequest(document.root, kernel: kernel, problems)
        let devices = request.devices.compactMap { resolve($0, problems) }
        if problems.isEmpty, let first = devices.first, let platform = first.entry?.platform {
            request.adopt(first.bare.device, of: platform, origin, isKernelOpen: isKernelOpen, problems)
        }
        guard problems.isEmpty else { throw .semantic(problems) }
        let given = request.id
        let (made, etag) = try withSession(entry, context, grows: true) { session throws(Problem) in
            let id = given?.text ?? Self.freeID(in: session)
            // Another request may have made the first domain meanwhile.
            if session.isKernelOpen, request.stated.hostFacts.contains(where: { $0.name == .kernelRelease }) {
                session.adopt(request.stated.conditions.kernel)
            }
            if request.stated.conditions.kernel != session.kernel {
                request.stated.conditions.kernel = session.kernel
                // That one's host counts then, and not this one's.
                request.stated.hostFacts.removeAll { $0.name == .kernelRelease }
            }
            try Self.verb { () throws(SessionRefusal) in try session.create(request.setup(id: id)) }
            var errno: Errno?
            for (place, found) in devices.enumerated() {
                let device = found.device(in: session, request.stated, for: request.consumer)
                do throws(SessionRefusal) {
                    errno =
                        try session.attach(
                            device, to: id, prepare: preparer(of: found, for: request.consumer)) ?? errno
                } catch {
                    // Nothing is kept of a domain that cannot be made as asked.
                    session.abandonCreation(of: id)
                    throw Problem(error, pointer: "/devices/\(place)")
                }
            }
            let domain = session.domains[session.domains.count - 1]
            context.keySubject?.narrow(to: domain)
            return (DomainSummary(domain), errno)
        }
        let session = RequestTarget.encoded(context.variable("session"))
        return json(
            201,
            headers: [
                .init("Location", "/v1/sessions/\(session)/domains/\(RequestTarget.encoded(made.0.id))"),
                .init("ETag", etag),
            ]
        ) { writer in
            writer.domainSummary(made.0, DomainReport(made.0))
            if let errno = made.1 { writer.member("errno", errno.rawValue) }
            writer.model(made.0.setup.conditions.kernel, engine: configuration.version)
        }
    }

    /// `d0`, `d1` ...: the first that is free.
    private static func freeID(in session: Session) -> String {
        let taken = Set(session.domains.map(\.id))
        return (0...taken.count).lazy.map { "d\($0)" }.first { !taken.contains($0) } ?? "d"
    }

    func readDomain(_ context: RequestContext) throws(Problem) -> Response {
        let (read, etag) = try readSession(context) { session throws(Problem) in
            (DomainSummary(try domain(context, in: session)), session.kernel)
        }
        return revisionAnswer(context, etag: etag) { writer in
            writer.domainSummary(read.0, DomainReport(read.0))
            writer.model(read.1, engine: configuration.version)
        }
    }

    func deleteDomain(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("domain")
        let (_, etag) = try withSession(context) { session throws(Problem) in
            try Self.verb { () throws(SessionRefusal) in try session.delete(id) }
        }
        return Response(status: 204, headers: HeaderFields([.init("ETag", etag)]))
    }

    func domainState(_ context: RequestContext) throws(Problem) -> Response {
        let form = try stateForm(context)
        let (read, etag) = try readSession(context) { session throws(Problem) in
            (try domain(context, in: session).snapshot, session.kernel)
        }
        return stateAnswer(context, etag: etag, form) { writer, lists in
            writer.domainState(read.0, lists)
            writer.model(read.1, engine: configuration.version)
        }
    }

    // MARK: Devices

    func listAttached(_ context: RequestContext) throws(Problem) -> Response {
        try listed(
            context, { session throws(Problem) in try domain(context, in: session).devices },
            { writer, device in writer.sessionDevice(device) })
    }

    func attachDevice(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("domain")
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let found = resolve(SessionDeviceRequest(document.root, problems), problems)
        guard problems.isEmpty, let found else { throw .semantic(problems) }
        let (made, etag) = try withSession(context, grows: true) { session throws(Problem) in
            let setup = try domain(context, in: session).setup
            let before = try domain(context, in: session).regionCount
            let made = StatedConditions(setup.conditions)
            let device = found.device(in: session, made, for: setup.consumer)
            let errno = try Self.verb { () throws(SessionRefusal) in
                try session.attach(device, to: id, prepare: preparer(of: found, for: setup.consumer))
            }
            let domain = try domain(context, in: session)
            return (
                device: device, errno: errno, member: domain.devices.count - 1,
                regions: Array(domain.regions.dropFirst(before)), setup: setup
            )
        }
        return json(201, headers: [.init("ETag", etag)]) { writer in
            let device = made.device
            writer.member("id", device.id)
            if let platform = device.platform { writer.member("platform", platform) }
            writer.member("kind", device.device.kind.rawValue)
            writer.member("dma_limit", hex: device.device.dmaLimit)
            writer.member("member", made.member)
            // Of a DMA domain only the first device's count: the list is empty for the others.
            writer.array("reserved_regions") { writer in made.regions.forEach { writer.sessionRegion($0) } }
            writer.member("errno", orNull: made.errno?.rawValue)
            writer.warnings(of: [device], under: made.setup.conditions, for: made.setup.consumer)
            writer.hostFacts(made.setup.hostFacts, of: made.setup.consumer)
            writer.model(made.setup.conditions.kernel, engine: configuration.version)
        }
    }

    func detachDevice(_ context: RequestContext) throws(Problem) -> Response {
        let id = context.variable("domain")
        let device = context.variable("device")
        let (_, etag) = try withSession(context) { session throws(Problem) in
            try Self.verb { () throws(SessionRefusal) in try session.detach(device, from: id) }
        }
        return Response(status: 204, headers: HeaderFields([.init("ETag", etag)]))
    }

    /// Finds a stored platform's device prepared; nil for a device that the request describes. The driver is
    /// the domain's.
    private func preparer(
        of found: FoundDevice, for consumer: Consumer
    ) -> ((Conditions) -> PreparedDevice)? {
        let (device, platforms) = (found.bare.device, platforms)
        return found.entry.map { entry in
            { conditions in
                let owner =
                    consumer.share == .own
                    ? platforms.domainOwner(device, on: entry, conditions.kernel) : device
                return platforms.prepared(
                    owner, on: entry, consumer.share, under: conditions, adoptsDriver: false)
            }
        }
    }

    /// The device with its platform looked up.
    private func resolve(_ request: SessionDeviceRequest, _ problems: ProblemList) -> FoundDevice? {
        switch request.subject {
        case .described(let device):
            let found = SessionDevice(
                id: request.id ?? device.id, platform: request.origin, device: device,
                machine: request.origin.flatMap { platforms.entry($0)?.serial })
            return FoundDevice(found, on: nil)
        case .named(let platform, let name):
            let entry = platforms.entry(platform, at: request.pointer + "/platform", problems)
            guard let device = entry?.device(name, at: request.pointer + "/device", problems) else {
                return nil
            }
            let found = SessionDevice(
                id: request.id ?? name, platform: platform, device: device,
                doorbells: entry?.doorbells(of: device) ?? [], machine: entry?.serial)
            return FoundDevice(found, on: entry)
        case nil: return nil
        }
    }
}

/// A device to attach, and the entry that it was found on.
private struct FoundDevice: Sendable {
    let bare: SessionDevice
    let entry: PlatformEntry?

    init(_ device: SessionDevice, on entry: PlatformEntry?) {
        bare = device
        self.entry = entry
    }

    /// The device with what its host says otherwise than the domain is made: a domain stays as it was made,
    /// and a session's kernel is that of its first domain.
    func device(in session: Session, _ made: StatedConditions, for consumer: Consumer) -> SessionDevice {
        var device = bare
        device.device = bare.device.with(consumer.share)
        if consumer.share == .whole { device.owners = owners }
        device.unusedFacts = made.unused(
            entry?.platform.host, device.device.groupType, for: consumer,
            statesKernel: session.kernelOrigin == .request)
        return device
    }

    /// Of the regions that the device has only because of its group, whose they are.
    private var owners: [ReservedRegion: String] {
        guard let platform = entry?.platform, bare.device.sharesRegions else { return [:] }
        var owners = platform.owners(of: bare.device)
        // A large group keeps its first devices only.
        for region in bare.device.regionsOfMates where owners[region] == nil {
            owners[region] = "another device"
        }
        // An export says as much of a region as may come in again.
        return owners.filter { region, owner in
            SessionDevice.provenance(region.provenanceText, of: owner).utf8.count
                <= ReservedRegion.provenanceBytesMax
        }
    }
}
